#include "report/chart_layout.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "report/gnuplot.h"

namespace gantry {
namespace {

constexpr double kSlant = 35, kUpright = 90;  // degrees
constexpr double kLongestTurned = 170;        // pixels along the slant
constexpr double kSampleOfKey = 56;           // pixels: the sample of a line and the space about it
constexpr double kPi = 3.14159265358979323846;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// Of a letter's height; DejaVu Sans, wider than most, with its digits 0.64.
double width_of_character(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xE1) return 1;  // from U+1000: kana, Han, full width
  if (std::string_view("iljtfrI.,:;'|!()[] -/").find(first) != std::string_view::npos) return 0.42;
  if (std::string_view("mwMW%@").find(first) != std::string_view::npos) return 0.95;
  return 0.64;
}

double line_width(std::string_view line, double size) {
  double sum = 0;
  for (char c : line)
    if (begins_character(c)) sum += width_of_character(c);
  return sum * size;
}

}  // namespace

double text_width(std::string_view text, double size) {
  double widest = 0;
  for (auto line : split(text, '\n')) widest = std::max(widest, line_width(line, size));
  return widest;
}

std::string shortened(const std::string& text, double width, double size) {
  if (text_width(text, size) <= width) return text;
  std::vector<size_t> begins;
  for (size_t at = 0; at < text.size(); ++at)
    if (begins_character(text[at])) begins.push_back(at);
  // Names of a kind often differ at their ends: the middle goes.
  size_t head = 0, tail = begins.size();
  double used = size;  // the ellipsis
  for (bool from_head = true; head < tail; from_head = !from_head) {
    used += width_of_character(text[begins[from_head ? head : tail - 1]]) * size;
    if (used > width) break;
    from_head ? ++head : --tail;
  }
  if (head >= tail) return text;
  return text.substr(0, begins[head]) + "…" +
         (tail < begins.size() ? text.substr(begins[tail]) : std::string());
}

std::string in_one_line(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.replace(at, 1, ", ");
  return text;
}

LabelsBelow labels_below(const std::vector<std::string>& names, double step) {
  LabelsBelow out;
  double widest = 0;
  size_t lines = 1;
  for (const auto& name : names) {
    widest = std::max(widest, text_width(name, kPlotFont));
    lines = std::max(lines, split(name, '\n').size());
  }
  const bool turned = widest > step - 8;
  const double angle = step * std::sin(kSlant * kPi / 180) >= 1.15 * kPlotFont ? kSlant : kUpright,
               size = turned ? std::min(kPlotFont, 0.95 * step) : kPlotFont;
  std::string list;
  double longest = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string shown =
        turned ? shortened(in_one_line(names[i]), kLongestTurned, size) : names[i];
    longest = std::max(longest, text_width(shown, size));
    list += (i ? ", " : "") + gnuplot_quoted(shown) + " " + std::to_string(i);
  }
  out.commands = std::string("set xtics ") +
                 (turned ? "rotate by " + format_double(angle, 0) + " right font '," +
                               format_double(size, 2) + "' "
                         : "norotate ") +
                 "(" + list + ")\n";
  out.height = turned ? longest * std::sin(angle * kPi / 180) + kPlotLine
                      : static_cast<double>(lines) * kPlotLine + 8;
  out.left = turned ? longest * std::cos(angle * kPi / 180) : widest / 2;
  return out;
}

KeyBelow key_below(const std::vector<std::string>& names, double width) {
  KeyBelow out;
  double widest = 0;
  for (const auto& name : names) {
    if (name.empty()) continue;
    widest = std::max(widest, text_width(name, kPlotFont) + kSampleOfKey);
    ++out.rows;
  }
  if (out.rows == 0) return out;
  out.columns = std::clamp(static_cast<int>((width - 20) / widest), 1, out.rows);
  out.rows = (out.rows + out.columns - 1) / out.columns;
  out.height = out.rows * 1.2 * kPlotLine + 6;
  return out;
}

}  // namespace gantry
