#include "workflow/paired_arms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "stats/wilcoxon.h"
#include "text/code_list.h"

namespace gantry {
namespace {

double graded_code(const std::string& truth, const std::string& answer) {
  if (truth == answer) return 1;
  if (shortened_code(truth, 4) == shortened_code(answer, 4)) return 2.0 / 3;
  return shortened_code(truth, 3) == shortened_code(answer, 3) ? 1.0 / 3 : 0;
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

// r = (W+ - W-) / (W+ + W-) over the pairs that differ (Kerby, Compr Psychol 2014;3:11.IT.3.1).
Estimate rank_biserial(const TestResult& test) {
  if (!test.defined || test.n == 0) return not_defined(test.n, "matched-pairs rank-biserial");
  const double all = static_cast<double>(test.n) * (static_cast<double>(test.n) + 1) / 2;
  return point_estimate(2 * test.statistic / all - 1, test.n, "matched-pairs rank-biserial");
}

}  // namespace

std::vector<double> case_scores(const QuestionArms& question, const Arm& arm, CaseScore score) {
  std::vector<double> out;
  for (size_t i = 0; i < question.cases.size(); ++i) {
    const std::string& truth = question.truth[i];
    if (question.kind == AnswerKind::kText) {
      out.push_back(score == CaseScore::kRight ? arm.scores[i].exact : arm.scores[i].rouge1);
      continue;
    }
    const std::string first = arm.ranked[i].empty() ? "" : arm.ranked[i][0].answer;
    if (score == CaseScore::kRight) {
      out.push_back(first == truth ? 1 : 0);
    } else if (question.kind == AnswerKind::kCodes) {
      out.push_back(first.empty() ? 0 : graded_code(truth, first));
    } else {
      out.push_back(arm.truth_probability[i]);
    }
  }
  return out;
}

std::string score_words(AnswerKind kind, CaseScore score) {
  if (score == CaseScore::kRight) return kind == AnswerKind::kText ? "exact match" : "right";
  switch (kind) {
    case AnswerKind::kClosedSet:
      return "probability of the reference";
    case AnswerKind::kCodes:
      return "1 for the code, 2/3 and 1/3 for its first 4 or 3 characters";
    case AnswerKind::kText:
      return "ROUGE-1 F1";
  }
  return "";
}

ArmComparison compare_arms(const QuestionArms& question, const Arm& first, const Arm& second,
                           CaseScore score, const BootstrapOptions& bootstrap) {
  ArmComparison out;
  out.kind = question.kind;
  out.score = score;
  out.first = first.name;
  out.second = second.name;
  const auto a = case_scores(question, first, score), b = case_scores(question, second, score);
  out.cases = static_cast<int64_t>(a.size());
  out.mean_first = mean_of(a);
  out.mean_second = mean_of(b);
  for (size_t i = 0; i < a.size(); ++i) out.zeros += a[i] == b[i];
  out.wilcoxon =
      signed_rank(a, b, {.alternative = Alternative::kGreater, .zeros = ZeroRule::kWilcox});
  out.effect = rank_biserial(out.wilcoxon);
  const int64_t patients =
      question.patient.empty()
          ? 0
          : 1 + *std::max_element(question.patient.begin(), question.patient.end());
  const auto drawn = cluster_bootstrap(
      patients, 1,
      [&](std::span<const int32_t> times, std::span<double> figures) {
        double sum = 0, weight = 0;
        for (size_t i = 0; i < a.size(); ++i) {
          const double t = times[static_cast<size_t>(question.patient[i])];
          sum += t * (a[i] - b[i]);
          weight += t;
        }
        figures[0] = weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
      },
      bootstrap);
  out.difference = drawn.figures[0].estimate(out.cases, "paired " + drawn.method);
  return out;
}

std::string wilcoxon_words() {
  return "Wilcoxon signed-rank, one-sided (the first is better), on the score of each case; cases "
         "without difference are left out (Wilcoxon 1945), ties share their mean rank, exact up to "
         "50 pairs without either, else the normal approximation with tie correction";
}

}  // namespace gantry
