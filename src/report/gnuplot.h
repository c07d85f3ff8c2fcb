// gnuplot as a child process: a script in, an SVG out.
#pragma once

#include <string>
#include <vector>

namespace gantry {

struct GnuplotScript {
  std::string name;   // made part of the SVG's ids, so that many can stand in one page
  std::string title;  // read out by screen readers and shown on hovering
  std::string commands;
  int width = 460, height = 400;
};
// The SVG element without declaration and doctype, or "" when gnuplot is not on this machine.
// Error E0802: gnuplot failed.
std::string draw_with_gnuplot(const GnuplotScript& script);
bool gnuplot_available();

// A double-quoted gnuplot string; the marks of "enhanced" text lose their meaning.
std::string gnuplot_quoted(const std::string& text);

}  // namespace gantry
