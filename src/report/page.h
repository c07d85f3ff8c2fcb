// report.html as text: the sections of the page, from top to bottom.
#pragma once

#include <map>
#include <string>

#include "report/html.h"
#include "report/test_report.h"

namespace gantry {

// Tables of the report by file name ("classifiers"): each stands in the page and as a CSV.
std::map<std::string, Table> report_tables(const TestReport& report);

// `plots` by name: "flow", "confusion", "reliability", "risk_coverage", "training"; missing ones
// are said.
std::string report_page(const TestReport& report, const std::map<std::string, std::string>& plots);

}  // namespace gantry
