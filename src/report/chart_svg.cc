#include "report/chart_svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/strings.h"
#include "report/gnuplot.h"

namespace gantry {
namespace {

// Colours that the commonest forms of colour blindness tell apart (Okabe and Ito, darkened).
constexpr const char* kPalette[] = {"#1f4e79", "#c0561a", "#2a8a6b", "#8a4f8f",
                                    "#b08a00", "#56748f", "#a33a4b", "#444444"};
constexpr int kColours = 8;

std::string colour(const ChartSeries& s, size_t place) {
  const int at = s.colour >= 0 ? s.colour : static_cast<int>(place);
  return std::string("'") + kPalette[at % kColours] + "'";
}

std::string exact(double v) {
  if (!std::isfinite(v)) return "NaN";
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.10g", v);
  return buffer;
}

double at(const std::vector<double>& values, size_t i) {
  return i < values.size() ? values[i] : std::nan("");
}

bool holds_points(const Chart& chart) {
  for (const auto& s : chart.series)
    for (double y : s.y)
      if (std::isfinite(y)) return true;
  return false;
}

std::string range(const char* axis, bool fixed, double low, double high) {
  if (!fixed) return {};
  return std::string("set ") + axis + "range [" + exact(low) + ":" + exact(high) + "]\n";
}

std::string tics(const char* axis, const std::vector<std::string>& labels) {
  std::string out = std::string("set ") + axis + "tics (";
  for (size_t i = 0; i < labels.size(); ++i)
    out += (i ? ", " : "") + gnuplot_quoted(labels[i]) + " " + std::to_string(i);
  return out + ")\n";
}

std::string labels_of_axes(const Chart& c) {
  return "set xlabel " + gnuplot_quoted(c.x_label.en) + "\nset ylabel " +
         gnuplot_quoted(c.y_label.en) + "\n";
}

std::string data_block(const ChartSeries& s, size_t place) {
  std::string out = "$s" + std::to_string(place) + " << EOD\n";
  for (size_t i = 0; i < s.y.size(); ++i)
    out += exact(s.x.empty() ? static_cast<double>(i) : at(s.x, i)) + " " + exact(s.y[i]) + " " +
           exact(at(s.lower, i)) + " " + exact(at(s.upper, i)) + "\n";
  return out + "EOD\n";
}

std::string line_style(const ChartSeries& s, size_t place) {
  const std::string tail = " lc rgb " + colour(s, place) + (s.strong ? " lw 2" : " lw 1");
  switch (s.style) {
    case ChartSeries::Style::kDashed:
      return "lines dt 2" + tail;
    case ChartSeries::Style::kDotted:
      return "lines dt 3" + tail;
    case ChartSeries::Style::kPoints:
      return "points pt 7 ps 0.9 lc rgb " + colour(s, place);
    case ChartSeries::Style::kSteps:
      return "steps" + tail;
    case ChartSeries::Style::kLinePoints:
      return "linespoints pt 7 ps 0.5" + tail;
    default:
      return "lines" + tail;
  }
}

std::string lines(const Chart& c) {
  std::string data, plot;
  for (size_t i = 0; i < c.series.size(); ++i) {
    const auto& s = c.series[i];
    const std::string block = "$s" + std::to_string(i);
    data += data_block(s, i);
    const bool band = !s.lower.empty() && s.style != ChartSeries::Style::kPoints;
    if (band)
      plot += (plot.empty() ? "plot " : ", ") + block + " using 1:3:4 with filledcurves fc rgb " +
              colour(s, i) + " fs transparent solid 0.16 noborder notitle";
    plot += (plot.empty() ? "plot " : ", ") + block;
    plot += !s.lower.empty() && !band
                ? " using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lc rgb " + colour(s, i)
                : " using 1:2 with " + line_style(s, i);
    plot += s.name.empty() ? " notitle" : " title " + gnuplot_quoted(s.name.en);
  }
  return data + labels_of_axes(c) + (c.log_x ? "set logscale x\n" : "") +
         "set xlabel offset 0,0.3\nset key below samplen 2 spacing 1.15 height 0.6\n" + plot;
}

std::string bars(const Chart& c) {
  std::string data, plot;
  bool named = false;
  for (const auto& s : c.series) named = named || !s.name.empty();
  const double width = 0.8 / static_cast<double>(std::max<size_t>(1, c.series.size()));
  for (size_t i = 0; i < c.series.size(); ++i) {
    const auto& s = c.series[i];
    data += data_block(s, i);
    const std::string shift = exact(-0.4 + width * (static_cast<double>(i) + 0.5)) + ")",
                      block = "$s" + std::to_string(i);
    plot += (i ? ", " : "plot ") + block + " using ($1+" + shift + ":2:(" + exact(width * 0.94) +
            ") with boxes fs solid 0.75 noborder lc rgb " + colour(s, i) +
            (s.name.empty() ? " notitle" : " title " + gnuplot_quoted(s.name.en));
    if (!s.lower.empty())
      plot += ", " + block + " using ($1+" + shift +
              ":2:3:4 with yerrorbars pt -1 lw 1.2 lc rgb '#333344' notitle";
  }
  return data + labels_of_axes(c) + tics("x", c.categories) +
         (c.categories.size() > 7 ? "set xtics rotate by -35\n" : "") +
         "set xrange [-0.6:" + exact(static_cast<double>(c.categories.size()) - 0.4) +
         "]\nset boxwidth 0.9\nset pointintervalbox 0\nset xlabel offset 0,-0.6\nset bmargin 5\n" +
         (named ? "set key below samplen 1\n" : "unset key\n") + "set grid noxtics\n" + plot;
}

std::string stacked(const Chart& c) {
  std::string boxes;
  int object = 1;
  for (size_t k = 0; k < c.categories.size(); ++k) {
    double from = 0;
    for (size_t i = 0; i < c.series.size(); ++i) {
      const double share = at(c.series[i].y, k);
      if (!std::isfinite(share) || share <= 0) continue;
      const double row = static_cast<double>(k);
      boxes += "set object " + std::to_string(object++) + " rect from " + exact(from) + "," +
               exact(row - 0.34) + " to " + exact(from + share) + "," + exact(row + 0.34) +
               " fc rgb " + colour(c.series[i], i) + " fs solid 0.8 border rgb '#ffffff' front\n";
      const std::string text = k < c.series[i].texts.size() ? c.series[i].texts[k] : "";
      if (share > 0.05 && !text.empty())
        boxes += "set label " + gnuplot_quoted(text) + " at " + exact(from + share / 2) + "," +
                 exact(row) + " center front font ',11' tc rgb '#ffffff'\n";
      from += share;
    }
  }
  std::string keys;
  for (size_t i = 0; i < c.series.size(); ++i)
    keys += (i ? ", " : "plot ") + std::string("NaN with boxes fs solid 0.8 noborder lc rgb ") +
            colour(c.series[i], i) + " title " + gnuplot_quoted(c.series[i].name.en);
  return boxes + labels_of_axes(c) + tics("y", c.categories) + "set xrange [0:1]\nset yrange [" +
         exact(static_cast<double>(c.categories.size()) - 0.5) +
         ":-0.5]\nset xlabel offset 0,0.3\nset key below samplen 1 spacing 1.15 height 0.6\nset "
         "grid "
         "noytics\n" +
         keys;
}

std::string heat_map(const Chart& c) {
  std::string cells, texts;
  std::vector<std::string> rows;
  for (size_t r = 0; r < c.series.size(); ++r) {
    const auto& row = c.series[r];
    rows.push_back(row.name.en);
    for (size_t k = 0; k < row.y.size(); ++k) {
      const double shade = std::isfinite(row.y[k]) ? std::clamp(row.y[k], 0.0, 1.0) : 0;
      cells += std::to_string(k) + " " + std::to_string(r) + " " + exact(shade) + "\n";
      if (k >= row.texts.size()) continue;
      const std::string place = " at " + std::to_string(k) + "," + std::to_string(r),
                        ink = shade > 0.55 ? "'#ffffff'" : "'#1c2530'";
      auto lines = split(row.texts[k], '\n');
      for (size_t l = 0; l < lines.size(); ++l)
        texts += "set label " + gnuplot_quoted(std::string(lines[l])) + place +
                 " center front font '," + (l == 0 ? "15" : "11") + "' offset 0," +
                 exact(lines.size() == 1 ? 0
                       : l == 0          ? 0.5
                                         : -0.8) +
                 " tc rgb " + ink + "\n";
    }
  }
  const auto edge = [](size_t n) { return exact(static_cast<double>(n) - 0.5); };
  return "$cells << EOD\n" + cells + "EOD\n" + texts + labels_of_axes(c) + tics("x", c.columns) +
         (c.columns.size() > 10 ? "set xtics rotate by -35\n" : "") + tics("y", rows) +
         "set xrange [-0.5:" + edge(c.columns.size()) + "]\nset yrange [" + edge(rows.size()) +
         ":-0.5]\nset cbrange [0:1]\nunset colorbox\nunset key\nunset grid\nset palette defined (0 "
         "'#f4f7fb', 1 '#1f4e79')\nplot $cells using 1:2:3 with image pixels";
}

std::string forest(const Chart& c) {
  const auto& s = c.series.at(0);
  std::string data = "$s << EOD\n", texts;
  size_t longest = 0;
  for (size_t i = 0; i < s.y.size(); ++i) {
    data += exact(s.y[i]) + " " + std::to_string(i) + " " + exact(at(s.lower, i)) + " " +
            exact(at(s.upper, i)) + "\n";
    if (i >= s.texts.size()) continue;
    longest = std::max(longest, s.texts[i].size());
    texts += "set label " + gnuplot_quoted(s.texts[i]) + " at graph 1.02, first " +
             std::to_string(i) + " left font ',11'\n";
  }
  std::string mark;
  if (c.has_reference)
    mark = "set arrow from " + exact(c.reference) + ", graph 0 to " + exact(c.reference) +
           ", graph 1 nohead dt 2 lc rgb '#888899'\n";
  return data + "EOD\n" + texts + mark + labels_of_axes(c) + tics("y", c.categories) +
         "set yrange [" + exact(static_cast<double>(s.y.size()) - 0.4) + ":-0.6]\nset rmargin " +
         std::to_string(4 + longest * 3 / 4) +
         "\nunset key\nset grid noytics\nplot $s using 1:2:3:4 with xerrorbars pt 5 ps 0.8 lw 1.4 "
         "lc rgb '#1f4e79', $s using ($3==$3?NaN:$1):2 with points pt 4 ps 0.8 lc rgb '#1f4e79'";
}

int height_of(const Chart& c) {
  const int rows = static_cast<int>(std::max(c.categories.size(), c.series.size()));
  switch (c.kind) {
    case ChartKind::kForest:
      return 90 + 24 * static_cast<int>(c.categories.size());
    case ChartKind::kStacked:
      return 130 + 46 * static_cast<int>(c.categories.size());
    case ChartKind::kHeatMap:
      return std::max(240, 100 + (c.wide ? 56 : 78) * rows);
    default:
      return c.wide ? 340 : 380;
  }
}

}  // namespace

std::string chart_svg(const Chart& c) {
  if (c.kind == ChartKind::kSvg) return c.svg;
  if (!holds_points(c)) return {};
  std::string commands = range("x", c.fixed_x, c.x_low, c.x_high) +
                         range("y", c.fixed_y && c.kind != ChartKind::kForest, c.y_low, c.y_high);
  switch (c.kind) {
    case ChartKind::kBars:
      commands += bars(c);
      break;
    case ChartKind::kStacked:
      commands += stacked(c);
      break;
    case ChartKind::kHeatMap:
      commands += heat_map(c);
      break;
    case ChartKind::kForest:
      commands += forest(c);
      break;
    default:
      commands += lines(c);
  }
  return draw_with_gnuplot({c.name, c.caption.en, commands, c.wide ? 900 : 460, height_of(c)});
}

std::string chart_csv(const Chart& c) {
  auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (char ch : text) out += ch == '"' ? "\"\"" : std::string(1, ch);
    return out + "\"";
  };
  auto number = [](double v) {
    if (!std::isfinite(v)) return std::string();
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.17g", v);
    return std::string(buffer);
  };
  std::string out = "series,at,value,lower,upper\n";
  for (const auto& s : c.series)
    for (size_t i = 0; i < s.y.size(); ++i) {
      const auto& names = c.kind == ChartKind::kHeatMap ? c.columns : c.categories;
      out += quoted(s.name.en) + "," +
             (!s.x.empty()       ? number(at(s.x, i))
              : i < names.size() ? quoted(names[i])
                                 : "") +
             "," + number(s.y[i]) + "," + number(at(s.lower, i)) + "," + number(at(s.upper, i)) +
             "\n";
    }
  return out;
}

}  // namespace gantry
