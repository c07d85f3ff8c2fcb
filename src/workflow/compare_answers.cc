#include "workflow/compare_answers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/bootstrap.h"
#include "stats/multiple_testing.h"
#include "stats/paired_tests.h"
#include "stats/wilcoxon.h"

namespace gantry {
namespace {

const AnswerScores* find_scores(const TestReport& test, const AnswerScores& like) {
  for (const auto& one : test.answer_scores)
    if (one.question == like.question && one.score == like.score) return &one;
  return nullptr;
}

// The second's values in the order of the first's cases.
std::vector<double> in_order(const AnswerScores& first, const AnswerScores& second,
                             const std::string& runs) {
  std::map<std::string, double> value;
  for (size_t i = 0; i < second.cases.size(); ++i) value[second.cases[i]] = second.values[i];
  std::vector<double> out;
  for (const auto& key : first.cases) {
    auto at = value.find(key);
    if (at == value.end() || second.cases.size() != first.cases.size())
      throw Error("E0786",
                  "the runs were tested on different test sets: " + runs +
                      " do not have the same cases of the question '" + first.question + "' (" +
                      key + ")",
                  "Compare runs of one split; test a run again (`gantry test --run`) if need be.");
    out.push_back(at->second);
  }
  return out;
}

bool is_right_or_wrong(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return v == 0 || v == 1; });
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? std::nan("") : sum / static_cast<double>(values.size());
}

// Of the means, patients drawn together.
Estimate difference(const AnswerScores& first, const std::vector<double>& second,
                    const BootstrapOptions& options) {
  const auto patient = number_clusters(first.patients);
  const int64_t patients =
      patient.empty() ? 0 : 1 + *std::max_element(patient.begin(), patient.end());
  const auto drawn = cluster_bootstrap(
      patients, 1,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        double sum = 0, weight = 0;
        for (size_t i = 0; i < second.size(); ++i) {
          const double t = times[static_cast<size_t>(patient[i])];
          sum += t * (first.values[i] - second[i]);
          weight += t;
        }
        figures[0] = weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
      },
      options);
  return drawn.figures[0].estimate(static_cast<int64_t>(second.size()), "paired " + drawn.method);
}

// Exact McNemar of scores that are right or wrong, else two-sided Wilcoxon.
TestResult paired_test(const std::vector<double>& first, const std::vector<double>& second) {
  if (!is_right_or_wrong(first) || !is_right_or_wrong(second)) return signed_rank(first, second);
  int64_t first_only = 0, second_only = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    first_only += first[i] > second[i];
    second_only += second[i] > first[i];
  }
  return mcnemar(first_only, second_only);
}

}  // namespace

void compare_answer_scores(const std::vector<TestReport>& tests, ReportSection& section) {
  ReportTable t{
      "answers",
      {"Codes and texts, first - second; McNemar (exact) where a case is right or wrong, "
       "else Wilcoxon (two-sided), adjusted by Holm",
       "コードと文章（前者 − 後者）。正誤はMcNemar（正確）、他はWilcoxon（両側）、調整はHolm"},
      {{"runs", "実行"},
       {"question", "問い"},
       {"score", "得点"},
       {"mean of the first", "前者の平均"},
       {"mean of the second", "後者の平均"},
       {"difference (bootstrap over patients)", "差（患者単位ブートストラップ）"},
       "p",
       {"adjusted", "調整後"}},
      {}};
  std::vector<double> p;
  for (const auto& score : tests.front().answer_scores) {
    if (!std::all_of(tests.begin(), tests.end(),
                     [&](const auto& test) { return find_scores(test, score) != nullptr; }))
      continue;
    for (size_t a = 0; a < tests.size(); ++a)
      for (size_t b = a + 1; b < tests.size(); ++b) {
        const std::string runs = tests[a].run + " - " + tests[b].run;
        const AnswerScores& first = *find_scores(tests[a], score);
        const auto second = in_order(first, *find_scores(tests[b], score), runs);
        const TestResult test = paired_test(first.values, second);
        p.push_back(test.defined ? test.p : std::nan(""));
        t.rows.push_back({runs, in_both(score.question), in_both(score.score),
                          Cell::value(mean(first.values), 3), Cell::value(mean(second), 3),
                          Cell::figure(difference(first, second, bootstrap_of(tests[a]))),
                          Cell::p_value(p.back()), Cell()});
      }
  }
  if (t.rows.empty()) return;
  const auto adjusted = holm(p);
  for (size_t i = 0; i < adjusted.size(); ++i) t.rows[i].back() = Cell::p_value(adjusted[i]);
  section.tables.push_back(std::move(t));
}

}  // namespace gantry
