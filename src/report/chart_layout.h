// Room for words in a plot: gnuplot writes them without asking whether they fit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gantry {

constexpr double kPlotFont = 13;                          // pixels, of names and axes
constexpr double kPlotWidth = 460, kWidePlotWidth = 900;  // pixels of a drawing
constexpr double kPlotLine = 17;                          // pixels, of a line of words

// Pixels that the widest line of `text` takes in a sans-serif letter of `size`: rather too many
// than too few, since the reader's browser chooses the letter.
double text_width(std::string_view text, double size);

// `text` with an ellipsis for its middle, cut between characters, so that it takes at most `width`
// pixels.
std::string shortened(const std::string& text, double width, double size);

// Its lines joined by commas.
std::string in_one_line(std::string text);

// Names of categories under an axis: side by side where each has room within `step` pixels, else
// slanted, so that their ends point at their marks.
struct LabelsBelow {
  std::string commands;  // "set xtics ..."
  double height = 0;     // pixels that they take
  double left = 0;       // pixels that the first reaches to the left of its mark
};
LabelsBelow labels_below(const std::vector<std::string>& names, double step);

// The key under a plot.
struct KeyBelow {
  int columns = 1, rows = 0;
  double height = 0;
};
KeyBelow key_below(const std::vector<std::string>& names, double width);

}  // namespace gantry
