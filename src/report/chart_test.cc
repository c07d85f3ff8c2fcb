// Words in plots stay in their place: measured on the commands that place them, and drawn.
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "base/strings.h"
#include "report/chart_layout.h"
#include "report/chart_svg.h"
#include "report/gnuplot.h"
#include "report/heat_map.h"

namespace gantry {
namespace {

Chart matrix(int classes, const std::string& name, const std::string& count) {
  Chart c{.name = "matrix",
          .kind = ChartKind::kHeatMap,
          .caption = "matrix",
          .x_label = "answered",
          .y_label = "reference standard",
          .wide = classes > 6};
  for (int i = 0; i < classes; ++i) {
    const std::string own = name + std::to_string(i);
    c.columns.push_back(own);
    ChartSeries row{.name = own + "\nn = " + count};
    for (int j = 0; j < classes; ++j) {
      row.y.push_back(i == j ? 1 : 0);
      row.texts.push_back(i == j ? count + "\n100.0 %" : "0\n0.0 %");
    }
    c.series.push_back(std::move(row));
  }
  return c;
}

double number_after(const std::string& text, const std::string& words) {
  const size_t at = text.find(words);
  EXPECT_NE(at, std::string::npos) << words;
  return at == std::string::npos ? 0 : std::stod(text.substr(at + words.size()));
}

struct PlacedWord {
  std::string text;
  double x = 0, y = 0, size = 0;  // cell's column and row; pixels
};

std::vector<PlacedWord> words_in_cells(const std::string& commands) {
  static const std::regex label(
      "set label \"([^\"]*)\" at ([0-9.]+),([0-9.-]+) center front font ',([0-9.]+)'");
  std::vector<PlacedWord> out;
  for (std::sregex_iterator at(commands.begin(), commands.end(), label), end; at != end; ++at)
    out.push_back({(*at)[1], std::stod((*at)[2]), std::stod((*at)[3]), std::stod((*at)[4])});
  return out;
}

TEST(HeatMap, WordsStayInTheirCells) {
  for (int classes : {2, 3, 4, 7, 12, 20, 40})
    for (const char* name : {"", "brachytherapy ", "骨転移の不変または縮小する群の長い名 "})
      for (const char* count : {"7", "12,345", "1,234,567"}) {
        const Drawing d = draw_heat_map(matrix(classes, name, count));
        const double left = number_after(d.commands, "lmargin at screen ") * d.width,
                     right = number_after(d.commands, "rmargin at screen ") * d.width,
                     top = number_after(d.commands, "tmargin at screen ") * d.height,
                     bottom = number_after(d.commands, "bmargin at screen ") * d.height,
                     width = (right - left) / classes, height = (top - bottom) / classes;
        ASSERT_GT(width, 0);
        const auto words = words_in_cells(d.commands);
        if (classes <= 12 && std::string(count) == "7") {
          EXPECT_EQ(words.size(), static_cast<size_t>(2 * classes * classes)) << name;
        }
        for (const auto& w : words) {
          EXPECT_GE(w.size, 7 - 1e-9);
          EXPECT_LE(text_width(w.text, w.size), width) << classes << name << w.text;
          EXPECT_LE(std::abs(w.y - std::round(w.y)) * height + w.size / 2, height / 2 + 0.5)
              << classes << name << w.text;
        }
      }
}

TEST(HeatMap, NamesOfColumnsAreSlantedWhereTheyWouldTouch) {
  EXPECT_NE(draw_heat_map(matrix(3, "", "7")).commands.find("norotate"), std::string::npos);
  EXPECT_NE(draw_heat_map(matrix(4, "brachytherapy ", "7")).commands.find("rotate by 35"),
            std::string::npos);
  EXPECT_NE(draw_heat_map(matrix(40, "brachytherapy ", "7")).commands.find("rotate by 90"),
            std::string::npos);
}

TEST(HeatMap, IsDrawnWithEveryCount) {
  if (!gnuplot_available()) GTEST_SKIP() << "gnuplot is not on this machine";
  const std::string svg = chart_svg(matrix(4, "brachytherapy ", "58"));
  size_t counts = 0;
  for (size_t at = 0; (at = svg.find(">58<", at)) != std::string::npos; ++at) ++counts;
  EXPECT_EQ(counts, 4u);
  EXPECT_NE(svg.find("n = 58"), std::string::npos);
}

TEST(ChartLayout, ShortenedNamesKeepBothEndsAndWholeCharacters) {
  EXPECT_EQ(shortened("short", 200, 13), "short");
  const std::string cut = shortened("a long name of group 17", 100, 13);
  EXPECT_LE(text_width(cut, 13), 100);
  EXPECT_EQ(cut.substr(0, 2), "a ");
  EXPECT_EQ(cut.substr(cut.size() - 2), "17");
  const std::string japanese = shortened("骨転移の不変または縮小", 80, 13);
  EXPECT_EQ(japanese.find("骨"), 0u);
  EXPECT_EQ(japanese.substr(japanese.size() - 3), "小");
  for (size_t at = 0; (at = japanese.find('\xE3', at)) != std::string::npos; ++at)
    EXPECT_LE(at + 3, japanese.size());
}

TEST(ChartLayout, KeyTakesAsManyRowsAsItsNamesNeed) {
  EXPECT_EQ(key_below({}, 460).rows, 0);
  EXPECT_EQ(key_below({"", ""}, 460).rows, 0);
  EXPECT_EQ(key_below({"a", "b", "c"}, 460).rows, 1);
  const std::string longest(60, 'x');
  EXPECT_EQ(key_below({longest, longest, "c"}, 460).rows, 3);
}

TEST(Bars, NamesUnderTheAxisHaveRoomAboveTheKey) {
  if (!gnuplot_available()) GTEST_SKIP() << "gnuplot is not on this machine";
  Chart c{.name = "bars", .kind = ChartKind::kBars, .caption = "b", .y_label = "right"};
  for (int i = 0; i < 9; ++i) c.categories.push_back("dose per fraction " + std::to_string(i));
  for (const char* arm : {"first", "second"}) {
    ChartSeries s{.name = arm};
    for (int i = 0; i < 9; ++i) {
      s.y.push_back(0.5);
      s.lower.push_back(0.4);
      s.upper.push_back(0.6);
    }
    c.series.push_back(s);
  }
  const std::string svg = chart_svg(c);
  // Ends of the slanted names: their lowest point is above the key's words.
  static const std::regex text(
      "translate\\(([0-9.]+),([0-9.]+)\\)( "
      "rotate\\(([-0-9.]+)\\))?\"[^>]*>\\s*<text><tspan[^>]*>([^<]*)");
  double names = 0, key = 1e9;
  for (std::sregex_iterator at(svg.begin(), svg.end(), text), end; at != end; ++at) {
    const std::string words = (*at)[5];
    const double y = std::stod((*at)[2]);
    if (words.find("dose per") == 0)
      names = std::max(names, y + text_width(words, kPlotFont) * ::sin(35 * 3.14159265 / 180));
    if (words == "first" || words == "second") key = std::min(key, y);
  }
  ASSERT_GT(names, 0);
  ASSERT_LT(key, 1e9);
  EXPECT_LT(names, key);
}

TEST(Bars, StandOnZero) {
  if (!gnuplot_available()) GTEST_SKIP() << "gnuplot is not on this machine";
  Chart c{.name = "bars", .kind = ChartKind::kBars, .caption = "b", .y_label = "error rate"};
  c.categories = {"a", "b"};
  c.series = {{.y = {0.61, 0.62}, .lower = {0.6, 0.6}, .upper = {0.7, 0.7}}};
  EXPECT_NE(chart_svg(c).find("> 0<"), std::string::npos);
}

}  // namespace
}  // namespace gantry
