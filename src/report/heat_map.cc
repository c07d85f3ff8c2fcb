#include "report/heat_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "report/chart_layout.h"
#include "report/gnuplot.h"

namespace gantry {
namespace {

constexpr double kFirstLine = 15, kOtherLines = 11;  // pixels of letters, where there is room
constexpr double kLeastFirst = 7, kLeastOther = 7.5;
constexpr double kMargin = 14, kAxisName = 24;
constexpr double kMostHeight = 800;  // of the rows, with two lines for a name

std::string exact(double v) { return format_double(v, 4); }

struct Cells {
  double width = 0, height = 0;
  double first = kFirstLine, others = kOtherLines;  // sizes of letters; 0: left out
};

double fitted(double size, const std::string& line, const Cells& cells) {
  const double width = text_width(line, 1);
  return width > 0 ? std::min(size, 0.92 * cells.width / width) : size;
}

// The largest letters with which every text fits.
void fit_letters(const Chart& c, Cells& cells) {
  size_t most_lines = 1;
  for (const auto& row : c.series)
    for (const auto& text : row.texts) {
      const auto lines = split(text, '\n');
      most_lines = std::max(most_lines, lines.size());
      for (size_t l = 0; l < lines.size(); ++l) {
        double& size = l == 0 ? cells.first : cells.others;
        size = fitted(size, std::string(lines[l]), cells);
      }
    }
  const double needed = 1.3 * (cells.first + static_cast<double>(most_lines - 1) * cells.others),
               scale = std::min(1.0, 0.92 * cells.height / needed);
  if (most_lines > 1 && cells.others * scale < kLeastOther) {
    cells.others = 0;
    cells.first = std::min(cells.first, 0.7 * cells.height);
  } else {
    cells.others *= scale;
    cells.first *= scale;
  }
  if (cells.first < kLeastFirst) cells.first = cells.others = 0;
}

std::string words_of_cell(const std::string& text, size_t column, size_t row, bool dark,
                          const Cells& cells) {
  auto lines = split(text, '\n');
  if (cells.first <= 0) return {};
  if (cells.others <= 0) lines.resize(1);
  const double whole = 1.3 * (cells.first + static_cast<double>(lines.size() - 1) * cells.others);
  double down = -whole / 2;
  std::string out;
  for (size_t l = 0; l < lines.size(); ++l) {
    const double size = l == 0 ? cells.first : cells.others;
    out += "set label " + gnuplot_quoted(std::string(lines[l])) + " at " + std::to_string(column) +
           "," + exact(static_cast<double>(row) + (down + 0.65 * size) / cells.height) +
           " center front font '," + exact(size) + "' tc rgb " +
           (dark ? "'#ffffff'" : "'#1c2530'") + "\n";
    down += 1.3 * size;
  }
  return out;
}

std::string row_names(const std::vector<std::string>& names) {
  std::string out = "set ytics (";
  for (size_t i = 0; i < names.size(); ++i)
    out += (i ? ", " : "") + gnuplot_quoted(names[i]) + " " + std::to_string(i);
  return out + ")\n";
}

std::string cells_and_words(const Chart& c, const Cells& cells) {
  std::string data, words;
  for (size_t r = 0; r < c.series.size(); ++r) {
    const auto& row = c.series[r];
    for (size_t k = 0; k < row.y.size(); ++k) {
      const double shade = std::isfinite(row.y[k]) ? std::clamp(row.y[k], 0.0, 1.0) : 0;
      data += std::to_string(k) + " " + std::to_string(r) + " " + exact(shade) + "\n";
      if (k < row.texts.size()) words += words_of_cell(row.texts[k], k, r, shade > 0.55, cells);
    }
  }
  return "$cells << EOD\n" + data + "EOD\n" + words;
}

}  // namespace

Drawing draw_heat_map(const Chart& c) {
  const double width = c.wide ? kWidePlotWidth : kPlotWidth;
  const auto columns = static_cast<double>(c.columns.size()),
             rows = static_cast<double>(c.series.size());
  const double tallest = c.wide ? 56 : 78;
  const bool narrow_rows = rows * 2 * kPlotLine > kMostHeight;
  std::vector<std::string> names;
  double widest = 0;
  for (const auto& row : c.series) {
    std::string name;
    const std::string whole = narrow_rows ? in_one_line(row.name.en) : row.name.en;
    for (auto line : split(whole, '\n'))
      name += (name.empty() ? "" : "\n") + shortened(std::string(line), 0.34 * width, kPlotFont);
    widest = std::max(widest, text_width(name, kPlotFont));
    names.push_back(std::move(name));
  }
  double left = widest + 18 + (c.y_label.empty() ? 0 : kAxisName);
  LabelsBelow below = labels_below(c.columns, (width - left - kMargin) / columns);
  left = std::max(left, below.left - (width - left - kMargin) / columns / 2 + 8);
  Cells cells;
  cells.width = (width - left - kMargin) / columns;
  const double lines = narrow_rows ? 1.2 : 2.1;
  cells.height = std::clamp(0.8 * cells.width, lines * kPlotLine, tallest);
  fit_letters(c, cells);
  const double bottom = below.height + (c.x_label.empty() ? 6 : kAxisName + 6),
               height = std::ceil(kMargin + rows * cells.height + bottom);
  const auto edge = [](double n) { return exact(n - 0.5); };
  std::string margins = "set lmargin at screen " + exact(left / width) +
                        "\nset rmargin at screen " + exact(1 - kMargin / width) +
                        "\nset tmargin at screen " + exact(1 - kMargin / height) +
                        "\nset bmargin at screen " + exact(bottom / height) + "\n";
  std::string axes;
  if (!c.x_label.empty())
    axes += "set label " + gnuplot_quoted(c.x_label.en) + " at graph 0.5, screen " +
            exact(0.5 * kAxisName / height) + " center\n";
  if (!c.y_label.empty())
    axes += "set label " + gnuplot_quoted(c.y_label.en) + " at screen " +
            exact(0.6 * kAxisName / width) + ", graph 0.5 center rotate by 90\n";
  return {margins + cells_and_words(c, cells) + axes + below.commands + row_names(names) +
              "set tics scale 0.4\nset xrange [-0.5:" + edge(columns) + "]\nset yrange [" +
              edge(rows) +
              ":-0.5]\nset cbrange [0:1]\nunset colorbox\nunset key\nunset grid\nset palette "
              "defined (0 '#f4f7fb', 1 '#1f4e79')\nplot $cells using 1:2:3 with image pixels",
          static_cast<int>(width), static_cast<int>(height)};
}

}  // namespace gantry
