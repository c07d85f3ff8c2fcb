#include "report/write_report.h"

#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "report/chart_svg.h"
#include "report/gnuplot.h"
#include "report/metrics_json.h"
#include "report/report_state.h"
#include "report/section_html.h"
#include "report/sections.h"

namespace gantry {
namespace {

std::string label_of(const TestReport& r, int label) {
  return label >= 0 && static_cast<size_t>(label) < r.labels.size()
             ? r.labels[static_cast<size_t>(label)]
             : std::string();
}

// Every answer on the test set, without any text.
ReportTable answers_table(const TestReport& r, bool failures_only) {
  ReportTable t{"", {}, {"id", "source", "reference_standard", "answered", "abstained"}, {}};
  for (const auto& label : r.labels) t.head.push_back("probability_" + label);
  for (const char* name : {"tokens", "windows"}) t.head.push_back(name);
  for (size_t c = 1; c < r.classifiers.size(); ++c) t.head.push_back(r.classifiers[c].name);
  for (const auto& reader : r.readers) t.head.push_back("reader " + reader.reader);
  for (size_t i = 0; i < r.cases.size(); ++i) {
    const auto& item = r.cases[i];
    if (failures_only && item.predicted == item.truth) continue;
    std::vector<Cell> row = {item.id, item.source, label_of(r, item.truth),
                             label_of(r, item.predicted), item.abstained ? "1" : "0"};
    for (double p : item.probability) row.push_back(format_double(p, 6));
    row.push_back(std::to_string(item.tokens));
    row.push_back(std::to_string(item.windows));
    for (int b : item.baseline_predicted) row.push_back(label_of(r, b));
    for (const auto& reader : r.readers) row.push_back(label_of(r, reader.label[i]));
    t.rows.push_back(std::move(row));
  }
  return t;
}

const std::string kByteOrderMark = "\xEF\xBB\xBF";  // by which spreadsheets know UTF-8

// Draws every chart, and writes plots and tables as files.
std::map<std::string, std::string> write_parts(const std::vector<ReportSection>& sections,
                                               const std::filesystem::path& folder) {
  for (const char* name : {"tables", "tables/ja", "plots", "plots/ja"})
    make_private_folder(folder / name);
  std::map<std::string, std::string> svg;
  const bool draws = gnuplot_available();
  for (const auto& s : sections) {
    for (const auto& chart : s.charts) {
      if (!draws && chart.kind != ChartKind::kSvg) continue;
      const std::string drawn = chart_svg(chart);
      if (drawn.empty()) continue;
      svg[chart.name] = drawn;
      write_file_atomically(folder / "plots" / (chart.name + ".svg"), drawn);
      write_file_atomically(folder / "plots/ja" / (chart.name + ".svg"),
                            svg_in_japanese(drawn, chart));
      if (chart.kind != ChartKind::kSvg)
        write_file_atomically(folder / "plots" / (chart.name + ".csv"), chart_csv(chart));
    }
    for (const auto& table : s.tables) {
      write_file_atomically(folder / "tables" / (table.name + ".csv"), table_csv(table));
      write_file_atomically(folder / "tables/ja" / (table.name + ".csv"),
                            kByteOrderMark + table_csv(table, Language::kJapanese));
    }
  }
  return svg;
}

}  // namespace

void write_report(const TestReport& report, const std::filesystem::path& folder) {
  make_private_folder(folder);
  const auto sections = report_sections(report);
  const auto svg = write_parts(sections, folder);
  if (!report.cases.empty() && !report.labels.empty()) {
    write_file_atomically(folder / "predictions.csv", table_csv(answers_table(report, false)));
    write_file_atomically(folder / "tables" / "failures.csv",
                          table_csv(answers_table(report, true)));
  }
  write_file_atomically(folder / "metrics.json", metrics_json(report, sections));
  write_file_atomically(folder / "test.json", report_state(report));
  write_file_atomically(folder / "report.html", report_page(report, sections, svg));
}

void write_sections(const PlainPage& page, const std::vector<ReportSection>& sections,
                    const std::filesystem::path& folder) {
  make_private_folder(folder);
  const auto svg = write_parts(sections, folder);
  write_file_atomically(folder / "report.json", sections_json(sections));
  write_file_atomically(folder / "report.html", sections_page(page, sections, svg));
}

}  // namespace gantry
