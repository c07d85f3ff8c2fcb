// report.html as text: one self-contained page in English and Japanese.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/test_report.h"

namespace gantry {

// `sections`: report_sections(report). `svg` by the chart's name; charts that are missing are said.
std::string report_page(const TestReport& report, const std::vector<ReportSection>& sections,
                        const std::map<std::string, std::string>& svg);

// A page of sections alone: an example, a comparison of runs. `lead` stands below the title;
// `synthetic` is said at the top and at the foot of every printed page.
struct PlainPage {
  Words title, lead;
  bool synthetic = false;
  std::string data_note;
  Words foot;
};
std::string sections_page(const PlainPage& page, const std::vector<ReportSection>& sections,
                          const std::map<std::string, std::string>& svg);

}  // namespace gantry
