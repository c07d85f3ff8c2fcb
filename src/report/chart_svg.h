// A Chart as SVG, and as the CSV of what it shows.
#pragma once

#include <string>

#include "report/report_section.h"

namespace gantry {

// "" when gnuplot is not on this machine or the chart holds no point. Error E0802.
std::string chart_svg(const Chart& chart);
// One row a point: series, category or x, y, lower, upper. Unrounded.
std::string chart_csv(const Chart& chart);

}  // namespace gantry
