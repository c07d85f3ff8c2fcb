// metrics.json: every figure of a test, unrounded, without any text of a report.
#pragma once

#include <string>
#include <vector>

#include "report/test_report.h"

namespace gantry {

// `sections`: report_sections(report); their tables and charts stand under "sections" by name.
std::string metrics_json(const TestReport& report, const std::vector<ReportSection>& sections);
// Sections alone: {"NAME": {"title", "paragraphs", "tables": {...}, "charts": {...}}}.
std::string sections_json(const std::vector<ReportSection>& sections);

}  // namespace gantry
