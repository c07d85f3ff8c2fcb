#include "workflow/list_answers.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "stats/calibration.h"

namespace gantry {
namespace {

// A candidate that another case has and this one has not: no probability at any temperature.
constexpr double kNoCandidate = -1e6;

std::vector<double> joined_scores_of(const ListScores& scores, double ranker_weight) {
  std::vector<double> out(scores.answers.size(), 0);
  for (size_t i = 0; i < out.size(); ++i) {
    if (!scores.model.empty()) out[i] += (1 - ranker_weight) * scores.model[i];
    if (!scores.ranker.empty()) out[i] += ranker_weight * scores.ranker[i];
  }
  if (!out.empty()) {  // the highest at 0: keeps sums of long answers' logs in range
    const double highest = *std::max_element(out.begin(), out.end());
    for (double& score : out) score -= highest;
  }
  return out;
}

// Cases as rows of one width, the candidates of a case first; those without a truth are left out.
struct Padded {
  int classes = 0;
  std::vector<double> scores;
  std::vector<int> truth;
};

Padded padded(std::span<const ListScores> cases, std::span<const std::string> truth,
              double weight) {
  Padded out;
  for (const ListScores& one : cases)
    out.classes = std::max(out.classes, static_cast<int>(one.answers.size()));
  for (size_t i = 0; i < cases.size(); ++i) {
    const int at = cases[i].find(truth[i]);
    if (at < 0) continue;
    std::vector<double> row = joined_scores_of(cases[i], weight);
    row.resize(static_cast<size_t>(out.classes), kNoCandidate);
    out.scores.insert(out.scores.end(), row.begin(), row.end());
    out.truth.push_back(at);
  }
  return out;
}

}  // namespace

int ListScores::find(const std::string& answer) const {
  auto at = std::find(answers.begin(), answers.end(), answer);
  return at == answers.end() ? -1 : static_cast<int>(at - answers.begin());
}

std::vector<double> joined_probabilities(const ListScores& scores, const ListChoice& choice) {
  if (scores.answers.empty()) return {};
  return softmax_with_temperature(static_cast<int>(scores.answers.size()),
                                  joined_scores_of(scores, choice.ranker_weight),
                                  choice.temperature);
}

ListChoice calibrate_list(std::span<const ListScores> cases, std::span<const std::string> truth,
                          double ranker_weight, const ListRule& rule) {
  GANTRY_CHECK(cases.size() == truth.size());
  ListChoice choice;
  choice.ranker_weight = ranker_weight;
  const Padded rows = padded(cases, truth, ranker_weight);
  if (!rows.truth.empty())
    choice.temperature = fit_temperature(rows.classes, rows.scores, rows.truth).temperature;

  std::vector<double> confidence;
  std::vector<uint8_t> correct;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto probability = joined_probabilities(cases[i], choice);
    const auto best = ranked_answers(cases[i], probability, 1);
    confidence.push_back(best.empty() ? 0 : best[0].probability);
    correct.push_back(!best.empty() && best[0].answer == truth[i]);
  }
  choice.abstention = choose_abstention_threshold(
      confidence, correct, rule.error_rate,
      rule.upper_bound ? AbstentionRule::kUpperBound : AbstentionRule::kObserved);
  choice.abstains = choice.abstention.attainable;
  choice.threshold = choice.abstains ? choice.abstention.threshold : 0;
  if (!choice.abstains)
    choice.note =
        "No threshold keeps the tuning cases' error rate at the stated one: every answer is given, "
        "none is held back.";
  return choice;
}

ListChoice choose_list(std::span<const ListScores> cases, std::span<const std::string> truth,
                       const ListRule& rule) {
  const bool model = !cases.empty() && !cases[0].model.empty();
  const bool ranker = !cases.empty() && !cases[0].ranker.empty();
  if (!model || !ranker) return calibrate_list(cases, truth, ranker ? 1 : 0, rule);
  if (!rule.tune_weight) return calibrate_list(cases, truth, 0.5, rule);
  double best_weight = 0.5, best_loss = std::numeric_limits<double>::infinity();
  for (int twentieths = 0; twentieths <= 20; ++twentieths) {
    const Padded rows = padded(cases, truth, twentieths / 20.0);
    if (rows.truth.empty()) break;
    const double loss = fit_temperature(rows.classes, rows.scores, rows.truth).log_loss_after;
    if (loss < best_loss - 1e-12) {
      best_loss = loss;
      best_weight = twentieths / 20.0;
    }
  }
  return calibrate_list(cases, truth, best_weight, rule);
}

std::vector<RankedProbability> ranked_answers(const ListScores& scores,
                                              std::span<const double> probability, size_t most) {
  std::vector<RankedProbability> out;
  for (size_t i = 0; i < scores.answers.size(); ++i)
    out.push_back({scores.answers[i], probability[i]});
  auto before = [](const RankedProbability& a, const RankedProbability& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.answer < b.answer;
  };
  const auto end = out.begin() + static_cast<ptrdiff_t>(std::min(most, out.size()));
  std::partial_sort(out.begin(), end, out.end(), before);
  out.erase(end, out.end());
  return out;
}

}  // namespace gantry
