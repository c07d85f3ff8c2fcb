// Squares in shades with words in them: confusion matrices, agreement.
#pragma once

#include <string>

#include "report/report_section.h"

namespace gantry {

struct Drawing {
  std::string commands;  // of gnuplot
  int width = 0, height = 0;
};

// A kHeatMap for any number of rows and columns and names of any length: words become smaller, then
// are left out, rather than leave their cell; long names are slanted, then shortened.
Drawing draw_heat_map(const Chart& chart);

}  // namespace gantry
