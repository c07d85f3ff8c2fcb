// The data-flow diagram: what each step of the cohort kept and dropped, down to the three sets, as
// an SVG.
#pragma once

#include <string>

#include "report/test_report.h"

namespace gantry {

std::string flow_diagram_svg(const TestReport& report);

}  // namespace gantry
