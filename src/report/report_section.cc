#include "report/report_section.h"

#include <cmath>

#include "base/strings.h"

namespace gantry {

Cell Cell::count(int64_t n) {
  Cell cell;
  cell.kind = Kind::kNumber;
  cell.number = static_cast<double>(n);
  cell.text = with_commas(n);
  return cell;
}

Cell Cell::value(double v, int decimals, const std::string& unit) {
  Cell cell;
  cell.kind = Kind::kNumber;
  cell.defined = std::isfinite(v);
  cell.number = cell.defined ? v : 0;
  cell.text = cell.defined ? Words(format_double(v, decimals) + unit)
                           : Words("not defined", "定義されない");
  return cell;
}

Cell Cell::p_value(double p) {
  Cell cell = value(p, 3);
  if (cell.defined && p < 0.001) cell.text = "< 0.001";
  return cell;
}

Cell Cell::p_value(const TestResult& test) { return p_value(test.defined ? test.p : std::nan("")); }

Cell Cell::figure(const Estimate& e, int decimals) {
  Cell cell;
  cell.kind = Kind::kFigure;
  cell.estimate = e;
  cell.decimals = static_cast<int8_t>(decimals);
  return cell;
}

void ReportSection::say(Words text, ReportParagraph::Tone tone) {
  paragraphs.push_back({std::move(text), tone});
}

ReportTable& ReportSection::table(std::string table_name, Words caption, std::vector<Words> head) {
  tables.push_back({std::move(table_name), std::move(caption), std::move(head), {}, false});
  return tables.back();
}

}  // namespace gantry
