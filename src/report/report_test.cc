#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "report/flow_diagram.h"
#include "report/metrics_json.h"
#include "report/page.h"
#include "report/report_state.h"

namespace gantry {
namespace {

TestedClassifier classifier(std::string name, bool is_model, std::vector<int> predicted) {
  Predictions p;
  p.classes = 3;
  p.truth = {0, 0, 1, 1, 2, 2};
  p.predicted = std::move(predicted);
  p.patient = {0, 1, 2, 3, 4, 5};
  for (int answer : p.predicted)
    for (int c = 0; c < 3; ++c) p.probability.push_back(c == answer ? 0.8 : 0.1);
  TestedClassifier out;
  out.name = std::move(name);
  out.is_model = is_model;
  out.evaluation = evaluate(p, {.bootstrap = {.samples = 100}});
  return out;
}

TestReport some_report() {
  TestReport r;
  r.title = "Bone metastasis <in> reports";
  r.labels = {"0", "1", "2"};
  r.label_names = {"none", "progressive", "stable"};
  r.classifiers = {classifier("model", true, {0, 0, 1, 2, 2, 2}),
                   classifier("TF-IDF", false, {0, 0, 1, 1, 2, 2})};
  BaselineComparison comparison;
  comparison.baseline = "TF-IDF";
  comparison.macro_f1_difference = {
      .value = -0.18, .lower = -0.4, .upper = 0.1, .n = 6, .defined = true, .has_interval = true};
  r.comparisons = {comparison};
  r.sets = {{"training", 10, 8, {4, 3, 3}, {40, 3, 3}}, {"test", 6, 6, {2, 2, 2}, {2, 2, 2}}};
  r.flow = {{"imported", 20, 16, 0, 0}, {"holds 転移", 16, 14, 4, 2}};
  r.looks = 2;
  r.earlier_looks = {"2026-01-01T00:00:00Z run-1"};
  r.synthetic = true;
  TestedCase wrong{.id = "R4",
                   .original = "<b>骨転移</b>",
                   .model_text = "<b>骨転移</b>",
                   .truth = 1,
                   .predicted = 2};
  wrong.probability = {0.1, 0.1, 0.8};
  wrong.weighed = {{3, 6, 1.0}, {6, 9, -0.5}};
  wrong.baseline_predicted = {1};
  r.cases = {wrong};
  return r;
}

TEST(Page, SaysFirstThatTheModelLoses) {
  std::string page = report_page(some_report(), {});
  size_t loses = page.find("does not beat the baseline"), results = page.find("<h2>Results");
  ASSERT_NE(loses, std::string::npos);
  EXPECT_LT(loses, results);
}

TEST(Page, EscapesTextsAndShadesByBytes) {
  std::string page = report_page(some_report(), {});
  EXPECT_EQ(page.find("<b>骨"), std::string::npos);
  EXPECT_NE(page.find("&lt;b&gt;<mark"), std::string::npos);
  EXPECT_NE(page.find("Bone metastasis &lt;in&gt; reports"), std::string::npos);
}

TEST(Page, SaysSyntheticAndTheNumberOfLooks) {
  std::string page = report_page(some_report(), {});
  EXPECT_NE(page.find("SYNTHETIC DATA"), std::string::npos);
  EXPECT_NE(page.find("look number 2"), std::string::npos);
}

TEST(Page, AsksForNothingFromOutside) {
  std::string page = report_page(some_report(), {{"flow", flow_diagram_svg(some_report())}});
  for (const char* word : {"src=\"http", "href=\"http", "url(http", "@import"})
    EXPECT_EQ(page.find(word), std::string::npos) << word;
}

TEST(ReportState, ComesBackWhole) {
  TestReport report = some_report();
  std::string state = report_state(report);
  TestReport back = read_report_state(state, "test.json");
  EXPECT_EQ(report_state(back), state);
  EXPECT_EQ(report_page(back, {}), report_page(report, {}));
  EXPECT_FALSE(back.abstention.attainable);
}

TEST(ReportState, RefusesWhatIsNone) {
  for (const char* bad : {"", "{}", "[1]", "{\"format\":2}"})
    EXPECT_THROW(read_report_state(bad, "test.json"), Error);
}

TEST(Metrics, NotDefinedIsNullAndFiguresAreWhole) {
  TestReport report = some_report();
  report.classifiers[0].evaluation.macro_auc = not_defined(0, "DeLong");
  auto json = nlohmann::json::parse(metrics_json(report));
  EXPECT_TRUE(json["model"]["macro_auc"]["value"].is_null());
  EXPECT_DOUBLE_EQ(json["model"]["accuracy"]["value"].get<double>(), 5.0 / 6);
  EXPECT_EQ(json["model"]["accuracy"]["count"], 5);
  EXPECT_EQ(json["looks_at_test_set"], 2);
  EXPECT_EQ(metrics_json(report).find("骨転移"), std::string::npos);  // no text of a report
}

TEST(FlowDiagram, HoldsEveryCount) {
  std::string svg = flow_diagram_svg(some_report());
  for (const char* text :
       {"20 reports, 16 patients", "4 reports, 2 patients", "group 0: 4 sampled of 40", "test set"})
    EXPECT_NE(svg.find(text), std::string::npos) << text;
}

TEST(Tables, CsvHasNoTags) {
  for (const auto& [name, table] : report_tables(some_report()))
    EXPECT_EQ(table.csv().find("<strong>"), std::string::npos) << name;
}

}  // namespace
}  // namespace gantry
