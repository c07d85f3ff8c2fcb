#include "report/test_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "report/facts.h"
#include "report/failure_browser.h"
#include "report/flow_diagram.h"
#include "report/metrics_json.h"
#include "report/page.h"
#include "report/report_state.h"
#include "report/section_html.h"
#include "report/sections.h"

namespace gantry {
namespace {

// Lets the checklists be found in the source tree.
const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

using Tone = ReportParagraph::Tone;

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

// Six reports of groups 0 0 1 1 2 2; the model takes R3 (group 1) for 2.
TestReport some_report() {
  TestReport r;
  r.title = "Bone metastasis <in> reports";
  r.title_ja = "骨転移";
  r.run = "run-1";
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
  r.flow = {{"imported", 20, 16, 0, 0}, {"holds 転移", 16, 15, 4, 1}};
  r.looks = 2;
  r.earlier_looks = {"2026-01-01T00:00:00Z run-0"};
  r.synthetic = true;
  r.bootstrap_samples = 100;
  const int answers[] = {0, 0, 1, 2, 2, 2};
  for (int i = 0; i < 6; ++i) {
    TestedCase c{.id = "R" + std::to_string(i),
                 .patient = "P" + std::to_string(i),
                 .source = "ha",
                 .date = "2020-01-01",
                 .original = "<b>骨転移</b>" + std::to_string(i),
                 .model_text = "<b>骨転移</b>" + std::to_string(i),
                 .truth = i / 2,
                 .predicted = answers[i]};
    for (int g = 0; g < 3; ++g) c.probability.push_back(g == answers[i] ? 0.8 : 0.1);
    c.baseline_predicted = {i / 2};
    c.fields = {{"sex", i % 2 ? "F" : "M"}, {"age", "6" + std::to_string(i)}};
    r.cases.push_back(std::move(c));
  }
  r.cases[3].weighed = {{3, 6, 1.0}, {6, 9, -0.5}};
  r.cases[3].neighbours = {
      {.id = "T1", .source = "hb", .text = "似た報告", .label = 1, .similarity = 0.9}};
  return r;
}

std::string page_of(const TestReport& r) { return report_page(r, report_sections(r), {}); }

const ReportTable& table_of(const ReportSection& s, const std::string& name) {
  for (const auto& t : s.tables)
    if (t.name == name) return t;
  throw std::runtime_error("no table " + name);
}

bool says(const ReportSection& s, const std::string& words, Tone tone) {
  for (const auto& p : s.paragraphs)
    if (p.tone == tone && p.text.en.find(words) != std::string::npos) return true;
  return false;
}

TEST(Page, SaysFirstThatTheModelLoses) {
  std::string page = page_of(some_report());
  size_t loses = page.find("does not beat the baseline"), results = page.find("id=\"results\"");
  ASSERT_NE(loses, std::string::npos);
  ASSERT_NE(results, std::string::npos);
  EXPECT_LT(loses, results);
}

TEST(Page, FirstLinesStandAboveAllFigures) {
  TestReport r = some_report();
  r.first_lines = {{{"The model loses to majority."}, Tone::kBad}};
  const std::string page = page_of(r);
  EXPECT_LT(page.find("The model loses to majority."), page.find("does not beat"));
}

TEST(Page, EscapesTextsEverywhere) {
  std::string page = page_of(some_report());
  EXPECT_EQ(page.find("<b>骨"), std::string::npos);
  EXPECT_NE(page.find("\\u003cb>"), std::string::npos);  // in the failures' data
  EXPECT_NE(page.find("Bone metastasis &lt;in&gt; reports"), std::string::npos);
}

TEST(Page, FailureDataCannotEndItsScript) {
  TestReport r = some_report();
  r.cases[3].model_text = r.cases[3].original = "</script><script>alert(1)</script><!--";
  r.cases[3].weighed.clear();
  const std::string html = failure_browser_html(r);
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  EXPECT_NE(html.find("alert(1)"), std::string::npos);
}

TEST(Page, FailuresHoldWordsNeighboursAndReaders) {
  TestReport r = some_report();
  r.readers = {{"A", {0, 0, 1, 1, 2, -1}, {1, 1, 1, 1, 1, -1}}};
  const std::string html = failure_browser_html(r);
  const size_t begin = html.find("id=\"failure-data\">") + 18;
  const auto data =
      nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  ASSERT_EQ(data["failures"].size(), 1u);
  const auto& f = data["failures"][0];
  EXPECT_EQ(f["id"], "R3");
  EXPECT_EQ(f["text"][1][0], "骨");  // bytes 3 to 6: shaded by its weight
  EXPECT_EQ(f["text"][1][1], 1.0);
  EXPECT_EQ(f["readers"][0], 1);
  EXPECT_EQ(f["neighbours"][0]["text"], "似た報告");
  EXPECT_EQ(data["readers"][0], "A");
}

TEST(Page, FailuresOfCodesAndTextsStandBesideThoseOfGroups) {
  TestReport r = some_report();
  r.answers_judged = 4;
  AnswerFailure f{.question = "code",
                  .id = "R9",
                  .source = "rc",
                  .truth = "C61 Prostate",
                  .answer = "C64.9 Kidney",
                  .confidence = 0.71234,
                  .held = true};
  f.model_text = f.original = "Gleason 7. PSA 9.";
  f.others = {{"C64.9", 0.71234}, {"C61", 0.2}};
  f.other_arms = {{"nearest training case", "C61"}};
  f.fields = {{"empty", ""}, {"sex", "M"}};
  f.weighed = {{0, 10, -1.0}};
  f.neighbours = {
      {.id = "T3", .source = "ra", .text = "Gleason 6", .similarity = 0.4, .answer = "C61"}};
  r.answer_failures = {f};
  const std::string html = failure_browser_html(r);
  EXPECT_NE(html.find("2 of 10 answers"), std::string::npos);
  EXPECT_NE(html.find("No words were weighed"), std::string::npos);
  const size_t begin = html.find("id=\"failure-data\">") + 18;
  const auto data =
      nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  ASSERT_EQ(data["failures"].size(), 2u);
  const auto& code = data["failures"][1];
  EXPECT_EQ(code["arms"][0][0][0], "nearest training case");
  EXPECT_EQ(code["arms"][0][0][1], "最も近い学習症例");
  EXPECT_EQ(code["arms"][0][1], "C61");
  EXPECT_EQ(code["question"], "code");
  EXPECT_EQ(code["answer"], "C64.9 Kidney");
  EXPECT_EQ(code["sure"], 0.7123);
  EXPECT_EQ(code["fields"].size(), 1u);
  EXPECT_EQ(code["text"][0][1], -1.0);
  EXPECT_EQ(code["neighbours"][0]["label"], "C61");
  EXPECT_EQ(data["failures"][0]["question"], "group");
  r.classifiers.clear();
  r.cases.clear();
  EXPECT_NE(failure_browser_html(r).find("1 of 4 answers"), std::string::npos);
  r.answer_failures.clear();
  EXPECT_NE(failure_browser_html(r).find("None of the 4 answers"), std::string::npos);
}

TEST(Repeats, EveryQuestionHasItsRowAndItsSpread) {
  TestReport r = some_report();
  r.repeated = {{.question = "group",
                 .how = "same settings",
                 .times = 1,
                 .cases = 6,
                 .score = "right",
                 .as_tested = 5.0 / 6,
                 .scores = {5.0 / 6}},
                {.question = "text",
                 .how = "drawn",
                 .times = 3,
                 .cases = 4,
                 .differing = 2,
                 .largest_change = 0.25,
                 .score = "ROUGE-1 F1",
                 .as_tested = 0.6,
                 .scores = {0.5, 0.6, 0.7}}};
  const ReportSection s = answering_section(r);
  const auto& t = table_of(s, "repeats");
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_EQ(t.rows[0][3].estimate.count, 0);
  EXPECT_FALSE(t.rows[0][8].defined);  // one repeat has no spread
  EXPECT_EQ(t.rows[1][3].estimate.count, 2);
  EXPECT_EQ(t.rows[1][7].text.en, "0.500 to 0.700");
  EXPECT_NEAR(t.rows[1][8].number, 0.1, 1e-12);
}

TEST(Page, SaysSyntheticAndTheNumberOfLooks) {
  std::string page = page_of(some_report());
  EXPECT_NE(page.find("SYNTHETIC DATA"), std::string::npos);
  EXPECT_NE(page.find("合成データ"), std::string::npos);
  EXPECT_NE(page.find("look number 2"), std::string::npos);
}

TEST(Page, AsksForNothingFromOutside) {
  const TestReport r = some_report();
  std::string page = report_page(r, report_sections(r), {{"flow", flow_diagram(r).svg}});
  for (const char* word : {"src=\"http", "href=\"http", "url(http", "@import", "fetch(", "XMLHttp"})
    EXPECT_EQ(page.find(word), std::string::npos) << word;
}

// All that a test has to tell, in the program's own words.
TestReport told_report() {
  TestReport r = some_report();
  r.question = "Does the report tell of metastasis?";
  r.question_ja = "転移の記載があるか。";
  r.label_names_ja = {"骨転移なし", "進行", "不変"};
  r.classifiers[0].name = "multilingual-e5-small, 3 restarts averaged, TF-IDF member";
  r.classifiers[0].description = "the study's classifier, chosen on tuning cases alone";
  r.classifiers[1].name = r.comparisons[0].baseline = "TF-IDF + logistic regression";
  r.flow = {{"imported", 20, 16, 0, 0},
            {"holds one of: 転移, meta (whole)", 18, 15, 2, 1},
            {"text of 1 characters or more", 17, 15, 1, 0},
            {"has a reference label (0, 1, 2)", 16, 15, 1, 0}};
  r.split_method = "source";
  r.split_proof =
      "0 patients in two sets, 0 near-identical pairs of texts across sets (12 pairs compared)";
  r.notes = {"reports without a patient's number: 3; each counts as its own patient"};
  RestartCurve curve{.restart = 1, .seed = 7, .best_epoch = 1, .chosen = true};
  curve.tuned_on = "fold 1 of 5";
  curve.training_loss = curve.tuning_loss = curve.accuracy = curve.macro_f1 = {0.5, 0.6};
  r.restarts = {curve, curve};
  r.recipe = {{"encoder and TF-IDF member joined", r.classifiers[0].evaluation.accuracy,
               r.classifiers[0].evaluation.macro_f1}};
  r.recipe_cases = "780 tuning cases, each answered by what was not trained on it";
  r.abstention.attainable = true;
  r.abstention.rule = "observed error rate of answered cases at most 2.00 % on the tuning set";
  r.useful_tokens_per_second = r.training_seconds = 10;
  r.identity = {{"run", "run-1"}, {"base weights (SHA-256)", "abc"}, {"tested by", "gantry 1"}};
  r.answering = {{"without a required section", "whole-text"},
                 {"decoding", "the group of the highest probability; nothing is drawn by chance"}};
  r.weighed_by = "gradient x input of the first encoder, for the answer given";
  r.repeated = {{.question = "group",
                 .how = "same settings",
                 .times = 1,
                 .cases = 6,
                 .score = "right",
                 .scores = {1.0}}};
  r.readers = {{"A", {0, 0, 1, 1, 2, -1}, {1, 1, 1, 1, 1, -1}},
               {"B", {0, 0, 1, 2, 2, 2}, {2, 2, 2, 2, 3, 3}}};
  r.reader_notes = {
      "2 stored readings are of reports that are not in this test set, or of labels it does not "
      "have; they are left out."};
  r.margins = {{0.05, "2026-01-01T00:00:00Z", 1}};
  r.ratings = {{"not acceptable", "acceptable"},
               {0, 1},
               {{"r", "c", "a", 1, ""}, {"q", "c", "a", 0, ""}},
               1,
               {"1 stored grades are not on today's scale (ratings.scale) and are left out."}};
  return r;
}

// The texts of a page in its Japanese speech: what stands in no tag, no script, no style, and not
// in the English half.
std::vector<std::string> japanese_texts(const std::string& page) {
  std::vector<std::string> out;
  std::vector<std::pair<std::string, bool>> open;  // name, hidden
  for (size_t at = 0; at < page.size();) {
    if (page[at] != '<') {
      const size_t end = std::min(page.find('<', at), page.size());
      if (open.empty() || !open.back().second) out.push_back(page.substr(at, end - at));
      at = end;
      continue;
    }
    const size_t end = page.find('>', at);
    const std::string tag = page.substr(at + 1, end - at - 1),
                      name = tag.substr(0, tag.find_first_of(" \n"));
    at = end + 1;
    if (name[0] == '/') {
      while (open.back().first != name.substr(1)) open.pop_back();  // <p>, <li> may stay open
      open.pop_back();
    } else if (name == "script" || name == "style") {
      at = page.find("</" + name + ">", at) + name.size() + 3;
    } else if (name != "meta" && name != "input" && name != "br" && name != "wbr" &&
               name[0] != '!') {
      const bool hidden = tag.find("class=\"en\"") != std::string::npos || name == "title" ||
                          name == "option" || name == "noscript";
      open.emplace_back(name, hidden || (!open.empty() && open.back().second));
    }
  }
  return out;
}

// Four English words in a row.
bool is_english(const std::string& text) {
  int words = 0, letters = 0;
  for (char c : text + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      ++letters;
      continue;
    }
    const bool part = c == ' ' || c == ',' || c == '.' || c == ';';
    words = !part ? 0 : letters > 1 ? words + 1 : letters == 1 ? 0 : words;
    letters = 0;
    if (words >= 4) return true;
  }
  return false;
}

TEST(Page, SpeaksJapaneseThroughout) {
  const std::string page = page_of(told_report());
  int japanese = 0;
  for (const std::string& text : japanese_texts(page)) {
    japanese += text.find("レポート") != std::string::npos;
    const bool cited = text.find("et al.") != std::string::npos;  // titles of journals
    EXPECT_TRUE(cited || !is_english(text)) << text;
  }
  EXPECT_GT(japanese, 10);
  EXPECT_TRUE(is_english("the group of the highest"));
  EXPECT_FALSE(is_english("AUC DeLong"));
  for (const char* words :
       {"再学習3回の平均", "次のいずれかを含む: 転移、meta（全文）", "患者番号のないレポート3件",
        "転移の記載があるか", "5分割の1番目", "勾配×入力"})
    EXPECT_NE(page.find(words), std::string::npos) << words;
}

TEST(Checklists, AMissingFactLeavesNoStopAlone) {
  std::vector<std::string> missing;
  const Words text = fill_facts({"{known} {none}. More.", "{known} {none}。続き。"},
                                {{"known", {"Known.", "既知。"}}}, missing);
  EXPECT_EQ(text.en, "Known. More.");
  EXPECT_EQ(text.ja, "既知。続き。");
  EXPECT_EQ(missing, std::vector<std::string>{"none"});
}

TEST(Checklists, EveryItemIsAskedAndAnsweredInJapanese) {
  for (const auto& s : checklist_sections(told_report())) {
    EXPECT_FALSE(s.paragraphs[0].text.ja.empty()) << s.name;
    for (const auto& row : s.tables[0].rows) {
      EXPECT_FALSE(row[1].text.ja.empty()) << s.name << " " << row[0].text.en;
      EXPECT_EQ(row[2].text.en.empty(), row[2].text.ja.empty()) << s.name << " " << row[0].text.en;
      EXPECT_EQ(row[2].text.ja.find('{'), std::string::npos) << row[2].text.ja;
    }
  }
}

TEST(Page, OfATestWithoutAClassifier) {
  TestReport r;
  r.title = "Regimens";
  r.labels = {};
  ReportSection s{.name = "regimens", .title = {"Regimens", "レジメン"}};
  s.table("fields", "Fields", {"field", "right"})
      .rows.push_back({"dose", Cell::figure(not_defined(0, "Wilson"))});
  r.sections = {s};
  const auto sections = report_sections(r);
  const std::string page = report_page(r, sections, {});
  EXPECT_NE(page.find("レジメン"), std::string::npos);
  EXPECT_NE(page.find("not defined, n = 0"), std::string::npos);
  const auto json = nlohmann::json::parse(metrics_json(r, sections));
  EXPECT_TRUE(json["sections"]["regimens"]["tables"]["fields"]["rows"][0][1]["value"].is_null());
}

TEST(Page, APageOf100000AnswersHoldsItsErrorsOnly) {
  TestReport r = some_report();
  const TestedCase right = r.cases[0];
  r.cases.resize(6);
  for (int i = 0; i < 20000; ++i) r.cases.push_back(right);
  EXPECT_LT(failure_browser_html(r).size(), 20000u);
}

TEST(ReportState, ComesBackWhole) {
  TestReport report = some_report();
  report.readers = {{"A", {0, 0, 1, 1, 2, -1}, {1, 2.5, 1, 1, 1, -1}}};
  report.margins = {{0.05, "2026-01-01T00:00:00Z", 0}};
  report.ratings = {{"bad", "good"}, {0, 1}, {{"r", "c", "a", 1, "fine"}}, 1, {}};
  ReportSection s{.name = "s", .title = "S"};
  s.charts.push_back({.name = "c", .series = {{.name = "x", .x = {1, 2}, .y = {NAN, 3}}}});
  report.sections = {s};
  report.answer_failures = {{.question = "code", .id = "R1", .others = {{"C61", 0.5}}}};
  report.answer_scores = {{.question = "code", .score = "right", .cases = {"a/b"}, .values = {1}}};
  report.repeated = {{.question = "code", .times = 2, .scores = {0.5, 0.25}}};
  std::string state = report_state(report);
  TestReport back = read_report_state(state, "test.json");
  EXPECT_EQ(report_state(back), state);
  EXPECT_EQ(page_of(back), page_of(report));
  EXPECT_FALSE(back.abstention.attainable);
  EXPECT_TRUE(std::isnan(back.sections[0].charts[0].series[0].y[0]));
}

TEST(ReportState, RefusesWhatIsNone) {
  for (const char* bad : {"", "{}", "[1]", "{\"format\":2}", "{\"format\":1}"})
    EXPECT_THROW(read_report_state(bad, "test.json"), Error) << bad;
}

TEST(Metrics, NotDefinedIsNullAndFiguresAreWhole) {
  TestReport report = some_report();
  report.classifiers[0].evaluation.macro_auc = not_defined(0, "DeLong");
  auto json = nlohmann::json::parse(metrics_json(report, report_sections(report)));
  EXPECT_TRUE(json["model"]["macro_auc"]["value"].is_null());
  EXPECT_DOUBLE_EQ(json["model"]["accuracy"]["value"].get<double>(), 5.0 / 6);
  EXPECT_EQ(json["model"]["accuracy"]["count"], 5);
  EXPECT_EQ(json["looks_at_test_set"], 2);
  EXPECT_TRUE(json["sections"].contains("subgroups"));
  EXPECT_EQ(metrics_json(report, report_sections(report)).find("骨転移</b>"), std::string::npos);
}

TEST(FlowDiagram, HoldsEveryCount) {
  std::string svg = flow_diagram(some_report()).svg;
  for (const char* text :
       {"20 reports, 16 patients", "4 reports, 1 patient<", "group 0: 4 sampled of 40", "test set"})
    EXPECT_NE(svg.find(text), std::string::npos) << text;
}

TEST(Tables, EveryRowIsAsLongAsItsHeadAndNamesAreUnique) {
  TestReport r = some_report();
  r.readers = {{"A", {0, 0, 1, 1, 2, 2}, {1, 2, 3, 4, 5, 6}},
               {"B", {0, 1, 1, 1, 2, -1}, {2, 2, 2, 2, 2, -1}}};
  r.margins = {{0.1, "2026-01-01T00:00:00Z", 0}};
  r.ratings = {{"bad", "good"},
               {0, 1},
               {{"x", "c1", "a", 1, "fine"}, {"x", "c1", "b", 0, ""}, {"y", "c1", "a", 1, ""}},
               1,
               {}};
  std::set<std::string> tables, charts;
  for (const auto& s : report_sections(r)) {
    for (const auto& t : s.tables) {
      EXPECT_TRUE(tables.insert(t.name).second) << t.name;
      for (const auto& row : t.rows) EXPECT_EQ(row.size(), t.head.size()) << t.name;
    }
    for (const auto& c : s.charts) EXPECT_TRUE(charts.insert(c.name).second) << c.name;
  }
}

TEST(Tables, CsvQuotesAndHoldsNoTags) {
  ReportTable t{"t", "T", {"a,b", "c"}, {{"x \"y\"", Cell::count(1234)}}, false};
  EXPECT_EQ(table_csv(t), "\"a,b\",c\n\"x \"\"y\"\"\",\"1,234\"\n");
}

TEST(Readers, AgainstTheStandardAndTheModel) {
  TestReport r = some_report();
  r.readers = {{"A", {0, 0, 1, 1, 2, 2}, {1, 2, 3, 4, 5, 6}}};
  const ReportSection s = readers_section(r);
  const auto& t = table_of(s, "readers");
  ASSERT_EQ(t.rows.size(), 2u);  // the model first
  EXPECT_DOUBLE_EQ(t.rows[0][1].estimate.value, 5.0 / 6);
  EXPECT_DOUBLE_EQ(t.rows[1][1].estimate.value, 1);
  const auto& m = table_of(s, "model_against_readers");
  EXPECT_EQ(m.rows[0][1].number, 5);  // both right
  EXPECT_EQ(m.rows[0][3].number, 1);  // only the reader
  EXPECT_DOUBLE_EQ(m.rows[0][5].number, 1);
  EXPECT_EQ(table_of(s, "reading_times").rows.back()[2].number, 21);
}

TEST(Readers, IncompleteIsSaidAndNotFilled) {
  TestReport r = some_report();
  r.readers = {{"A", {0, -1, -1, 1, 2, 2}, {-1, -1, -1, -1, -1, -1}}};
  const ReportSection s = readers_section(r);
  EXPECT_TRUE(says(s, "A read 4 of 6 reports", Tone::kWarning));
  EXPECT_EQ(table_of(s, "readers").rows[1][1].estimate.n, 4);
  EXPECT_EQ(table_of(s, "reading_times").rows.back()[1].number, 0);
}

TEST(Readers, NobodyReadWhatTheOtherRead) {
  TestReport r = some_report();
  r.readers = {{"A", {0, 0, 1, -1, -1, -1}, {1, 1, 1, -1, -1, -1}},
               {"B", {-1, -1, -1, 1, 2, 2}, {-1, -1, -1, 1, 1, 1}}};
  const ReportSection s = readers_section(r);
  for (const auto& row : table_of(s, "agreement").rows)
    if (row[0].text.en == "A / B") {
      EXPECT_FALSE(row[2].estimate.defined);
    }
  EXPECT_FALSE(table_of(s, "agreement_overall").rows[0][1].estimate.defined);
  EXPECT_FALSE(table_of(s, "reading_time_tests").rows[0][3].defined);
}

TEST(Readers, MarginsOfEachDateAreShown) {
  TestReport r = some_report();
  r.readers = {{"A", {0, 0, 1, 1, 2, 2}, {1, 2, 3, 4, 5, 6}}};
  EXPECT_TRUE(says(readers_section(r), "No non-inferiority margin", Tone::kSoft));
  r.margins = {{0.05, "2026-01-01T00:00:00Z", 0}};
  ReportSection s = readers_section(r);
  EXPECT_TRUE(says(s, "declared 2026-01-01T00:00:00Z, before", Tone::kPlain));
  EXPECT_FALSE(says(s, "AFTER", Tone::kBad));
  r.margins.push_back({0.2, "2026-02-01T00:00:00Z", 1});
  s = readers_section(r);
  EXPECT_TRUE(says(s, "changed from 0.050 to 0.200 on 2026-02-01T00:00:00Z, AFTER", Tone::kBad));
  EXPECT_NE(table_of(s, "noninferiority").caption.en.find("0.200"), std::string::npos);
  r.margins = {{0.05, "2026-01-01T00:00:00Z", 3}};
  EXPECT_TRUE(says(readers_section(r), "does not count as declared in advance", Tone::kBad));
}

TEST(Ratings, ArmsRatersAndComments) {
  Ratings r{{"bad", "some", "good"}, {0, 1, 1}, {}, 4, {}};
  for (int i = 0; i < 4; ++i)
    for (const char* rater : {"x", "y"}) {
      r.ratings.push_back({rater, "c" + std::to_string(i), "tuned", 2, i == 0 ? "good" : ""});
      r.ratings.push_back({rater, "c" + std::to_string(i), "original", i == 3 ? 1 : 0, ""});
    }
  r.ratings.pop_back();  // y did not grade the last one
  const ReportSection s = ratings_section(r, {.samples = 100});
  EXPECT_TRUE(says(s, "1 of 16 grades are missing", Tone::kWarning));
  const auto& share = table_of(s, "acceptable");
  EXPECT_EQ(share.rows[0][0].text.en, "original");
  EXPECT_EQ(share.rows[0][2].estimate.count, 1);
  EXPECT_EQ(share.rows[0][2].estimate.n, 7);
  EXPECT_DOUBLE_EQ(share.rows[1][2].estimate.value, 1);
  const auto& arms = table_of(s, "arms");
  EXPECT_EQ(arms.rows[0][1].number, 4);
  EXPECT_EQ(arms.rows[0][5].text.en, "1 / 0 / 3 / 0");
  EXPECT_DOUBLE_EQ(arms.rows[0][6].number, 0.25);  // 0 against 3: 2 * 0.5^3
  EXPECT_EQ(table_of(s, "raters").rows.size(), 1u);
  EXPECT_EQ(table_of(s, "comments").rows.size(), 2u);
  EXPECT_EQ(s.charts[0].series.size(), 3u);
}

TEST(Subgroups, LengthsAreBandsInTheirOrder) {
  TestReport r = some_report();
  const size_t lengths[] = {900, 150, 20, 500, 399, 100};
  for (size_t i = 0; i < r.cases.size(); ++i) r.cases[i].model_text = std::string(lengths[i], 'x');
  const ReportSection s = subgroups_section(r);
  std::vector<std::string> bands;
  for (const auto& row : table_of(s, "subgroups").rows)
    if (row[0].text.en == "length") bands.push_back(row[1].text.en);
  EXPECT_EQ(bands, (std::vector<std::string>{"under 100 characters *", "100 to 199 characters *",
                                             "200 to 399 characters *", "400 to 799 characters *",
                                             "800 characters and over *"}));
  const auto& chart = s.charts.at(1);
  EXPECT_EQ(chart.categories.front(), "under 100\nn = 1");
  EXPECT_EQ(chart.categories.at(1), "100 to 199\nn = 2");
  EXPECT_EQ(chart.categories.back(), "800 and over\nn = 1");
}

TEST(Subgroups, SmallOnesAreMarkedAndCountsAddUp) {
  const ReportSection s = subgroups_section(some_report());
  int64_t by_sex = 0;
  for (const auto& row : table_of(s, "subgroups").rows) {
    EXPECT_NE(row[1].text.en.find(" *"), std::string::npos);
    if (row[0].text.en == "sex") by_sex += row[2].estimate.n;
  }
  EXPECT_EQ(by_sex, 6);
}

TEST(Ranking, AGroupWithoutACaseIsSaid) {
  TestReport r = some_report();
  for (auto& c : r.cases)
    if (c.truth == 2) c.truth = 0;
  const ReportSection s = ranking_section(r);
  EXPECT_TRUE(says(s, "Group 2: no curve", Tone::kSoft));
}

TEST(Checklists, NameTheirGaps) {
  const auto lists = checklist_sections(some_report());
  ASSERT_EQ(lists.size(), 4u);
  for (const auto& s : lists) {
    int gaps = 0, filled = 0;
    for (const auto& row : s.tables[0].rows) {
      gaps += row[3].text.en.find("GAP") == 0;
      filled += row[3].text.en == "filled";
      EXPECT_EQ(row[2].text.en.find('{'), std::string::npos) << row[2].text.en;
      if (row[3].text.en == "filled") {
        EXPECT_FALSE(row[2].text.en.empty());
      }
    }
    EXPECT_GT(gaps + filled, 0) << s.name;
  }
  EXPECT_EQ(lists[1].tables[0].rows.size(), 44u);  // CLAIM 2024
  EXPECT_EQ(lists[0].tables[0].rows.size(), 19u);  // TRIPOD-LLM, main items
  EXPECT_EQ(lists[2].tables[0].rows.size(), 6u);   // MI-CLEAR-LLM
  EXPECT_EQ(lists[3].tables[0].rows.size(), 48u);  // STARD-AI
  for (const auto& s : lists) {
    EXPECT_TRUE(says(s, "checked in November 2026", Tone::kSoft)) << s.name;
    std::set<std::string> ids;
    for (const auto& row : s.tables[0].rows) EXPECT_TRUE(ids.insert(row[0].text.en).second);
  }
}

}  // namespace
}  // namespace gantry
