#include "workflow/compare_runs.h"

#include <gtest/gtest.h>

#include "study/test_support.h"
#include "text/sections.h"
#include "workflow/robustness.h"
#include "workflow/text_changes.h"

namespace gantry {
namespace {

TestReport tested(const std::string& run, const std::vector<int>& truth,
                  const std::vector<int>& answers) {
  TestReport r;
  r.run = run;
  r.labels = {"0", "1"};
  r.bootstrap_samples = 100;
  Predictions p;
  p.classes = 2;
  p.truth = truth;
  p.predicted = answers;
  for (size_t i = 0; i < truth.size(); ++i) {
    TestedCase c{.id = "R" + std::to_string(i),
                 .patient = "P" + std::to_string(i),
                 .source = "h",
                 .truth = truth[i],
                 .predicted = answers[i]};
    c.probability = {answers[i] ? 0.1 : 0.9, answers[i] ? 0.9 : 0.1};
    c.scores = {{"rouge1", 0.1 * answers[i]}};
    p.probability.insert(p.probability.end(), c.probability.begin(), c.probability.end());
    r.cases.push_back(std::move(c));
  }
  TestedClassifier model;
  model.name = run;
  model.is_model = true;
  model.evaluation = evaluate(p, {.bootstrap = {.samples = 100}});
  r.classifiers = {model};
  return r;
}

const std::vector<int> kTruth = {0, 0, 0, 1, 1, 1, 0, 1};

std::string refusal(std::vector<TestReport> tests) {
  return error_of([&] { align_tests(tests); });
}

TEST(CompareRuns, DifferentTestSetsAreRefused) {
  const TestReport a = tested("run-a", kTruth, kTruth);
  TestReport other = tested("run-b", kTruth, kTruth);
  other.cases.pop_back();
  EXPECT_NE(refusal({a, other}).find("E0786"), std::string::npos);
  EXPECT_NE(refusal({a, other}).find("8 cases, run-b 7"), std::string::npos);
  other = tested("run-b", kTruth, kTruth);
  other.cases[2].id = "X";
  EXPECT_NE(refusal({a, other}).find("'R2' was not tested by run-b"), std::string::npos);
  other = tested("run-b", {1, 0, 0, 1, 1, 1, 0, 1}, kTruth);
  EXPECT_NE(refusal({a, other}).find("another reference label"), std::string::npos);
  other = tested("run-b", kTruth, kTruth);
  other.labels = {"0", "x"};
  EXPECT_NE(refusal({a, other}).find("groups"), std::string::npos);
}

TEST(CompareRuns, CasesInAnotherOrderArePaired) {
  std::vector<TestReport> tests = {tested("run-a", kTruth, {0, 0, 0, 1, 1, 1, 0, 0}),
                                   tested("run-b", kTruth, {1, 1, 0, 1, 1, 1, 0, 1})};
  std::reverse(tests[1].cases.begin(), tests[1].cases.end());
  align_tests(tests);
  const auto sections = compared_sections(tests);
  ASSERT_EQ(sections.size(), 1u);
  for (const auto& t : sections[0].tables) {
    for (const auto& row : t.rows) EXPECT_EQ(row.size(), t.head.size()) << t.name;
    if (t.name != "paired") continue;
    EXPECT_EQ(t.rows[0][1].number, 5);  // both right
    EXPECT_EQ(t.rows[0][2].number, 2);  // first only
    EXPECT_EQ(t.rows[0][3].number, 1);  // second only
    EXPECT_DOUBLE_EQ(t.rows[0][5].number, 1);
    EXPECT_NEAR(t.rows[0][7].estimate.value, 0.125, 1e-12);
  }
  EXPECT_EQ(sections[0].charts.size(), 1u);  // the shift of rouge1
}

TEST(CompareRuns, EqualRunsHaveNoDifference) {
  std::vector<TestReport> tests = {tested("run-a", kTruth, kTruth), tested("run-b", kTruth, kTruth),
                                   tested("run-c", kTruth, kTruth)};
  align_tests(tests);
  const auto sections = compared_sections(tests);
  for (const auto& t : sections[0].tables) {
    if (t.name == "cochran") {
      EXPECT_FALSE(t.rows[0][2].defined);
    }
    if (t.name == "scores") {
      EXPECT_FALSE(t.rows[0][4].defined);  // nothing to rank
    }
  }
  EXPECT_TRUE(sections[0].charts.empty());  // nor to draw
}

AnswerScores scores(const std::string& score, const std::vector<double>& values, bool backwards) {
  AnswerScores out{.question = "code", .score = score};
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string id = std::to_string(i);
    out.cases.push_back("rc/" + id);
    out.patients.push_back("P" + id);
    out.values.push_back(values[i]);
  }
  if (backwards) {
    std::reverse(out.cases.begin(), out.cases.end());
    std::reverse(out.patients.begin(), out.patients.end());
    std::reverse(out.values.begin(), out.values.end());
  }
  return out;
}

TEST(CompareRuns, CodesAndTextsArePairedCaseByCase) {
  TestReport a, b;
  a.run = "run-a";
  b.run = "run-b";
  a.bootstrap_samples = b.bootstrap_samples = 200;
  a.answer_scores = {scores("right", {1, 1, 1, 1, 0, 1}, false),
                     scores("ROUGE-1 F1", {.9, .8, .7, .6, .5, .4}, false)};
  b.answer_scores = {scores("right", {0, 0, 0, 1, 1, 0}, true),
                     scores("ROUGE-1 F1", {.8, .6, .4, .2, .0, .1}, true)};
  std::vector<TestReport> tests = {a, b};
  align_tests(tests);
  const auto sections = compared_sections(tests);
  const ReportTable* table = nullptr;
  for (const auto& t : sections[0].tables)
    if (t.name == "answers") table = &t;
  ASSERT_NE(table, nullptr);
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_NEAR(table->rows[0][3].number, 5.0 / 6, 1e-12);
  EXPECT_NEAR(table->rows[0][4].number, 2.0 / 6, 1e-12);
  EXPECT_NEAR(table->rows[0][5].estimate.value, 0.5, 1e-12);
  EXPECT_NEAR(table->rows[0][6].number, 0.375, 1e-12);   // McNemar, 4 against 1
  EXPECT_NEAR(table->rows[1][6].number, 0.03125, 1e-9);  // Wilcoxon, six of six
  EXPECT_NEAR(table->rows[1][7].number, 0.0625, 1e-9);   // Holm
  tests[1].answer_scores[0].cases[0] = "rc/9";
  EXPECT_NE(error_of([&] { compared_sections(tests); }).find("E0786"), std::string::npos);
}

TEST(CompareRuns, OneRunIsNotEnough) {
  TemporaryFolder folder;
  const Study study = Study::create(folder.path() / "s", "bone-metastasis");
  for (const std::vector<std::string>& runs :
       {std::vector<std::string>{}, {"run-a"}, {"run-a", "run-a"}})
    EXPECT_NE(error_of([&] { compare_runs(study, runs); }).find("E0785"), std::string::npos);
}

TEST(TextChanges, WidthsComeBackUnderNfkc) {
  const std::string text = "CT検査 2020/1/3 ヴァージョン、ガス・パ行ッャ ｶﾅ １２３";
  EXPECT_NE(change_widths(text), text);
  EXPECT_EQ(CaseMaker::model_text(change_widths(text)), CaseMaker::model_text(text));
  std::string all;
  for (const char* row :
       {"ァアィイゥウェエォオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂッツヅテデトド",
        "ナニヌネノハバパヒビピフブプヘベペホボポマミムメモャヤュユョヨラリルレロヮワヰヱヲンヴ"})
    all += row;
  EXPECT_EQ(CaseMaker::model_text(change_widths(all)), all);
}

TEST(TextChanges, LineBreaksAndSections) {
  EXPECT_EQ(lose_line_breaks("あ\r\nい\nう"), "あいう");
  const SectionTable table = SectionTable::load(GANTRY_SOURCE_DIR "/tasks/headings.toml");
  const std::string report = "【臨床情報】\n乳癌術後。\n【診断】\n骨転移なし。",
                    turned = swap_sections(report, table);
  EXPECT_LT(turned.find("【診断】"), turned.find("【臨床情報】"));
  EXPECT_EQ(table.cut(turned).text_of("diagnosis"), "骨転移なし。");
  EXPECT_EQ(table.cut(turned).text_of("indication"), "乳癌術後。");
  EXPECT_EQ(swap_sections("骨転移なし。", table), "骨転移なし。");
}

TEST(TextChanges, TypingErrorsAreFewValidAndTheSameAgain) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "骨転移を認める。\n";
  const std::string once = make_typing_errors(text, 50, 1);
  EXPECT_NE(once, text);
  EXPECT_EQ(once, make_typing_errors(text, 50, 1));
  EXPECT_NE(once, make_typing_errors(text, 50, 2));
  EXPECT_EQ(std::count(once.begin(), once.end(), '\n'), 40);
  for (size_t i = 0, left = 0; i < once.size(); ++i) {  // whole UTF-8 characters only
    const auto byte = static_cast<unsigned char>(once[i]);
    if (left > 0) {
      EXPECT_EQ(byte & 0xC0, 0x80);
      --left;
    } else {
      left = byte < 0x80 ? 0 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    }
  }
  EXPECT_EQ(make_typing_errors("", 50, 1), "");
  EXPECT_EQ(make_typing_errors("骨", 50, 1), "骨");
}

TEST(Unseen, HospitalsAndYearsAreCountedAgainstTraining) {
  Cases cases;
  Case training;
  training.set = CaseSet::kTraining;
  training.source = "ha";
  training.date = "2020-05-01";
  cases.cases = {training};
  TestReport r = tested("run", kTruth, {0, 0, 1, 1, 1, 1, 0, 1});
  for (size_t i = 0; i < r.cases.size(); ++i) {
    r.cases[i].source = i < 4 ? "ha" : "hb";
    r.cases[i].date = i < 2 ? "2021-01-01" : "2020-09-01";
  }
  const ReportTable t = unseen_table(cases, r);
  EXPECT_EQ(t.rows[0][1].estimate.n, 4);
  EXPECT_EQ(t.rows[0][1].estimate.count, 4);
  EXPECT_EQ(t.rows[0][2].estimate.count, 3);
  EXPECT_EQ(t.rows[1][1].estimate.n, 2);
  r.cases.resize(2);
  EXPECT_FALSE(unseen_table(cases, r).rows[0][1].estimate.defined);  // no such hospital
}

}  // namespace
}  // namespace gantry
