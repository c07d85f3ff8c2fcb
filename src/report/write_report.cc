#include "report/write_report.h"

#include "base/file.h"
#include "base/strings.h"
#include "report/flow_diagram.h"
#include "report/metrics_json.h"
#include "report/page.h"
#include "report/plots.h"
#include "report/report_state.h"

namespace gantry {
namespace {

// Every answer on the test set, without any text.
std::string predictions_csv(const TestReport& r) {
  Table t{"", {"id", "source", "reference_standard", "answered", "abstained"}, {}};
  for (const auto& label : r.labels) t.head.push_back("probability_" + label);
  for (const char* name : {"tokens", "windows"}) t.head.push_back(name);
  for (size_t c = 1; c < r.classifiers.size(); ++c) t.head.push_back(r.classifiers[c].name);
  for (const auto& item : r.cases) {
    std::vector<std::string> row = {
        escape_html(item.id), escape_html(item.source), r.labels[static_cast<size_t>(item.truth)],
        r.labels[static_cast<size_t>(item.predicted)], item.abstained ? "1" : "0"};
    for (double p : item.probability) row.push_back(format_double(p, 6));
    row.push_back(std::to_string(item.tokens));
    row.push_back(std::to_string(item.windows));
    for (int b : item.baseline_predicted) row.push_back(r.labels[static_cast<size_t>(b)]);
    t.rows.push_back(row);
  }
  return t.csv();
}

}  // namespace

void write_report(const TestReport& report, const std::filesystem::path& folder) {
  make_private_folder(folder);
  make_private_folder(folder / "tables");
  make_private_folder(folder / "plots");
  std::map<std::string, std::string> plots;
  plots["flow"] = flow_diagram_svg(report);
  if (plots_available()) {
    const auto& e = report.classifiers.at(0).evaluation;
    plots["confusion"] = confusion_matrix_svg(e.confusion, report.labels);
    plots["reliability"] = reliability_svg(e.reliability, e.n);
    plots["risk_coverage"] = risk_coverage_svg(e.risk_coverage, report.abstention);
    plots["training"] = training_curves_svg(report.restarts);
  }
  for (const auto& [name, svg] : plots)
    if (!svg.empty()) write_file_atomically(folder / "plots" / (name + ".svg"), svg);
  for (const auto& [name, table] : report_tables(report))
    write_file_atomically(folder / "tables" / (name + ".csv"), table.csv());
  write_file_atomically(folder / "metrics.json", metrics_json(report));
  write_file_atomically(folder / "predictions.csv", predictions_csv(report));
  write_file_atomically(folder / "test.json", report_state(report));
  write_file_atomically(folder / "report.html", report_page(report, plots));
}

}  // namespace gantry
