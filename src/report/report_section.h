// ReportSection: a part of the report as plain data, for whoever has something to tell (readers,
// ratings, a task's own figures). The page, the CSV and SVG folders and metrics.json all carry it;
// nobody who fills one touches the code of the page.
//
//   ReportSection s{.name = "regimens", .title = {"Regimens", "レジメン"}};
//   s.say({"Each generated regimen against the clinical one.", "..."});
//   ReportTable& t = s.table("regimen_accuracy", {"Fields", "項目"}, {"field", "n", "right"});
//   t.rows.push_back({"total dose", Cell::count(500), Cell::figure(wilson(460, 500))});
//   s.charts.push_back({.name = "rouge", .kind = ChartKind::kBars, ...});
//   report.sections.push_back(s);
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "stats/estimate.h"

namespace gantry {

// Plain text (no HTML) in English and, where it is given, in Japanese; the page shows one of them.
struct Words {
  std::string en, ja;  // ja empty: the English stands in both
  Words() = default;
  Words(std::string english, std::string japanese = {})
      : en(std::move(english)), ja(std::move(japanese)) {}
  Words(const char* english) : en(english) {}
  bool empty() const { return en.empty(); }
};

// One cell of a table: text for the page, and the number behind it, unrounded, for metrics.json.
struct Cell {
  enum class Kind : int8_t { kText, kNumber, kFigure };
  Kind kind = Kind::kText;
  Words text;           // kText: what is shown; kNumber: as shown
  double number = 0;    // kNumber
  bool defined = true;  // kNumber: false prints "not defined"
  Estimate estimate;    // kFigure: printed with its interval and its n
  int8_t decimals = 3;  // kFigure

  Cell() = default;
  Cell(Words words) : text(std::move(words)) {}
  Cell(std::string words) : text(std::move(words)) {}
  Cell(const char* words) : text(words) {}
  static Cell count(int64_t n);                                             // "1,234"
  static Cell value(double v, int decimals, const std::string& unit = {});  // NaN: not defined
  static Cell p_value(double p);  // "0.035", "< 0.001"; NaN: not defined
  static Cell p_value(const TestResult& test);
  static Cell figure(const Estimate& e, int decimals = 3);  // "0.947 (0.856 to 0.982), 54 of 57"
};

struct ReportTable {
  std::string name;  // of its CSV: "readers"; unique in a report
  Words caption;
  std::vector<Words> head;
  std::vector<std::vector<Cell>> rows;  // each as long as head
  bool folded = false;                  // stands behind a "show" line on the page
};

struct ReportParagraph {
  enum class Tone : int8_t {
    kPlain,
    kKey,      // the main result, larger
    kSoft,     // a remark, grey
    kWarning,  // boxed, yellow
    kBad,      // boxed, red
    kItem,     // an item of a list
  };
  Words text;
  Tone tone = Tone::kPlain;
};

enum class ChartKind : int8_t {
  kLines,    // series of x and y, with a band where lower and upper are given
  kBars,     // series side by side over `categories` (y), intervals where lower and upper are given
  kStacked,  // each category one bar of shares (y in 0..1), the series stacked
  kHeatMap,  // series are rows (top down), `columns` their cells: y is the shade in 0..1
  kForest,   // one series: y is the value, with lower and upper, over `categories` (top down)
  kSvg,      // `svg` as it is
};

struct ChartSeries {
  enum class Style : int8_t { kLine, kDashed, kDotted, kPoints, kSteps, kLinePoints };
  Words name;
  std::vector<double> x, y;          // x unused by all but kLines; NaN: no point
  std::vector<double> lower, upper;  // as many as y, or none
  std::vector<std::string> texts;    // kHeatMap: what stands in each cell; kForest: at the right
  Style style = Style::kLine;
  bool strong = true;  // thicker; of a forest: unused
  int colour = -1;     // of the palette, from 0; -1: by its place
};

struct Chart {
  std::string name;  // of its SVG and CSV: "roc"; unique in a report
  ChartKind kind = ChartKind::kLines;
  Words caption, x_label, y_label;
  std::vector<std::string> categories, columns;
  std::vector<ChartSeries> series;
  bool fixed_x = false, fixed_y = false;  // else the range is chosen from the data
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool has_reference = false;  // kForest: a dashed vertical line at `reference`
  double reference = 0;
  bool log_x = false;
  bool wide = false;  // the whole width of the page; else two stand side by side
  std::string svg;
  std::vector<Words> words;  // further texts inside the drawing, for the other language
};

struct ReportSection {
  std::string name;  // of its place in the page and in metrics.json: "readers"
  Words title;
  std::vector<ReportParagraph> paragraphs;
  std::vector<ReportTable> tables;
  std::vector<Chart> charts;

  void say(Words text, ReportParagraph::Tone tone = ReportParagraph::Tone::kPlain);
  // The new table; the reference holds until the next one is added.
  ReportTable& table(std::string table_name, Words caption, std::vector<Words> head);
};

}  // namespace gantry
