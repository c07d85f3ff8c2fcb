// The whole TestReport as JSON and back, so that a report can be written again (in another layout,
// by a later Gantry) without opening the test set again.
#pragma once

#include <string>
#include <string_view>

#include "report/test_report.h"

namespace gantry {

std::string report_state(const TestReport& report);
// Error E0801: not a report's state, damaged, or of a later version.
TestReport read_report_state(std::string_view json, const std::string& file);

}  // namespace gantry
