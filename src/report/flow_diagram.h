// The data-flow diagram: what each step of the cohort kept and dropped, down to the three sets, as
// an SVG.
#pragma once

#include <string>
#include <vector>

#include "report/test_report.h"

namespace gantry {

struct FlowDiagram {
  std::string svg;           // in English
  std::vector<Words> words;  // every line of it, with the Japanese
};
FlowDiagram flow_diagram(const TestReport& report);

}  // namespace gantry
