#include "report/chart_svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/strings.h"
#include "report/chart_layout.h"
#include "report/gnuplot.h"
#include "report/heat_map.h"

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

double width_of(const Chart& c) { return c.wide ? kWidePlotWidth : kPlotWidth; }

KeyBelow key_of(const Chart& c) {
  std::vector<std::string> names;
  for (const auto& s : c.series) names.push_back(s.name.en);
  return key_below(names, width_of(c));
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
         "set xlabel offset 0,0.3\nset key below samplen 2 spacing 1.15 height 0.6 maxcols " +
         std::to_string(key_of(c).columns) + "\n" + plot;
}

// Names under the axis may be long: the room below the plot is measured, not left to gnuplot.
Drawing bars(const Chart& c) {
  constexpr double kPlot = 280, kTop = 14, kLeft = 70, kAxisName = 24;
  std::string data, plot;
  const double width = 0.8 / static_cast<double>(std::max<size_t>(1, c.series.size()));
  for (size_t i = 0; i < c.series.size(); ++i) {
    const auto& s = c.series[i];
    data += data_block(s, i);
    const std::string shift = exact(-0.4 + width * (static_cast<double>(i) + 0.5)) + ")",
                      block = "$s" + std::to_string(i);
    plot += (i ? ", " : "plot ") + block + " using ($1+" + shift + ":2:(" + exact(width * 0.94) +
            ") with boxes fs solid 0.75 noborder lc rgb " + colour(s, i) +
            (s.name.empty() ? " notitle" : " title " + gnuplot_quoted(s.name.en));
    // Whiskers of an empty candlestick: error bars with a point would cut a hole into the bar.
    if (!s.lower.empty())
      plot += ", " + block + " using ($1+" + shift + ":2:3:4:2:(" + exact(width * 0.3) +
              ") with candlesticks whiskerbars 1 fs empty lw 1.2 lc rgb '#333344' notitle";
  }
  // A bar stands on 0, whatever the range of its values.
  const bool below_zero = std::any_of(c.series.begin(), c.series.end(), [](const ChartSeries& s) {
    return std::any_of(s.y.begin(), s.y.end(), [](double y) { return y < 0; });
  });
  const double across = width_of(c);
  const auto count = static_cast<double>(c.categories.size());
  const LabelsBelow names = labels_below(c.categories, (across - kLeft) / std::max(1.0, count));
  const KeyBelow key = key_of(c);
  const double axis = c.x_label.empty() ? 0 : kAxisName,
               bottom = names.height + axis + key.height + 6, height = kTop + kPlot + bottom;
  std::string room = "set tmargin at screen " + exact(1 - kTop / height) +
                     "\nset bmargin at screen " + exact(bottom / height) + "\n" + "set ylabel " +
                     gnuplot_quoted(c.y_label.en) + "\n";
  if (!c.fixed_y && !below_zero) room += "set yrange [0:*]\n";
  if (axis > 0)
    room += "set label " + gnuplot_quoted(c.x_label.en) + " at graph 0.5, screen " +
            exact((key.height + 0.6 * axis) / height) + " center\n";
  if (key.rows > 0)
    room += "set key at screen 0.5, screen " + exact(4 / height) +
            " bottom center horizontal samplen 1 spacing 1.15 maxcols " +
            std::to_string(key.columns) + "\n";
  return {data + room + names.commands + "set xrange [-0.6:" + exact(count - 0.4) +
              "]\nset boxwidth 0.9\n" + (key.rows > 0 ? "" : "unset key\n") + "set grid noxtics\n" +
              plot,
          static_cast<int>(across), static_cast<int>(height)};
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
      if (share * 0.75 * width_of(c) > text_width(text, 11) + 4 && !text.empty())
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
         ":-0.5]\nset xlabel offset 0,0.3\nset key below samplen 1 spacing 1.15 height 0.6 "
         "maxcols " +
         std::to_string(key_of(c).columns) + "\nset grid noytics\n" + keys;
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

Drawing drawing_of(const Chart& c) {
  const double key = key_of(c).height;
  const int width = static_cast<int>(width_of(c)),
            categories = static_cast<int>(c.categories.size());
  switch (c.kind) {
    case ChartKind::kBars:
      return bars(c);
    case ChartKind::kHeatMap:
      return draw_heat_map(c);
    case ChartKind::kStacked:
      return {stacked(c), width, 84 + 46 * categories + static_cast<int>(key)};
    case ChartKind::kForest:
      return {forest(c), width, 90 + 24 * categories};
    default:
      return {lines(c), width, (c.wide ? 310 : 345) + static_cast<int>(key)};
  }
}

}  // namespace

std::string chart_svg(const Chart& c) {
  if (c.kind == ChartKind::kSvg) return c.svg;
  if (!holds_points(c)) return {};
  const Drawing drawing = drawing_of(c);
  const std::string ranges =
      range("x", c.fixed_x, c.x_low, c.x_high) +
      range("y", c.fixed_y && c.kind != ChartKind::kForest, c.y_low, c.y_high);
  return draw_with_gnuplot(
      {c.name, c.caption.en, ranges + drawing.commands, drawing.width, drawing.height});
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
