#include "workflow/joined_text.h"

#include <algorithm>

#include "base/error.h"

namespace gantry {
namespace {

// Enough that a usual answer is met several times; more are too unlike to weigh anything.
constexpr size_t kNeighbours = 20;
// Of cosines: a case that is less alike by 0.05 counts 1/e of the other.
constexpr double kTemperature = 0.05;
// A regimen of the case's modality counts as so much more alike than one of another
// (docs/recipe.md). The best twenty are then among the sixty most alike.
constexpr double kModalityLikeness = 0.2;
constexpr size_t kLookedAt = 60;

struct Candidates {
  std::vector<std::string> texts;
  std::vector<double> likeness;
};

// The probability that a regimen's modality is the case's. One that names none counts as one drawn
// by the probabilities.
double modality_probability(std::span<const RankedAnswer> modalities, const std::string& named) {
  double drawn = 0;
  for (const RankedAnswer& one : modalities) {
    if (one.answer == named) return one.score;
    drawn += one.score * one.score;
  }
  return drawn;
}

std::vector<RankedAnswer> most_alike(const AnswerRanker& neighbours, std::string_view case_text,
                                     std::span<const RankedAnswer> modalities,
                                     const TextJudge& judge) {
  if (modalities.empty() || !judge.has_fields()) return neighbours.rank(case_text, kNeighbours);
  std::vector<RankedAnswer> ranked = neighbours.rank(case_text, kLookedAt);
  for (RankedAnswer& near : ranked)
    near.score +=
        kModalityLikeness * modality_probability(modalities, judge.parse(near.answer).modality);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const RankedAnswer& a, const RankedAnswer& b) { return a.score > b.score; });
  if (ranked.size() > kNeighbours) ranked.resize(kNeighbours);
  return ranked;
}

Candidates candidates_of(const AnswerRanker& neighbours, std::string_view case_text,
                         const std::optional<std::string>& written,
                         std::span<const RankedAnswer> modalities, const TextJudge& judge) {
  Candidates out;
  if (written) out.texts.push_back(judge.with_side_of(case_text, *written));
  for (RankedAnswer& near : most_alike(neighbours, case_text, modalities, judge)) {
    out.texts.push_back(judge.with_side_of(case_text, std::move(near.answer)));
    out.likeness.push_back(near.score);
  }
  return out;
}

}  // namespace

JoinedText::JoinedText(const AnswerRanker& neighbours, std::string_view case_text,
                       const std::optional<std::string>& written,
                       std::span<const RankedAnswer> modalities, const TextJudge& judge)
    : model_(written.has_value()), consensus_({}, judge.tokens()) {
  Candidates candidates = candidates_of(neighbours, case_text, written, modalities, judge);
  texts_ = std::move(candidates.texts);
  neighbour_share_ = softmax_of(candidates.likeness, kTemperature);
  consensus_ = TextConsensus(texts_, judge.tokens());
}

JoinedText::Choice JoinedText::choose(double model_weight) const {
  GANTRY_CHECK(model_weight >= 0 && model_weight <= 1);
  std::vector<double> p;
  if (model_) p.push_back(model_weight);
  const double left = model_ ? 1 - model_weight : 1;
  for (double share : neighbour_share_) p.push_back(left * share);
  const TextConsensus::Choice best = consensus_.choose(p);
  return {
      .text = texts_[best.text], .agreement = best.agreement, .by_model = model_ && best.text == 0};
}

std::vector<double> model_weights() {
  std::vector<double> out;
  for (int tenth = 0; tenth <= 10; ++tenth) out.push_back(tenth / 10.0);
  return out;
}

WeightChoice choose_model_weight(std::span<const std::vector<double>> scores) {
  WeightChoice out;
  if (scores.empty()) return out;
  const std::vector<double> weights = model_weights();
  out.mean.resize(weights.size(), 0);
  for (const std::vector<double>& of_case : scores) {
    GANTRY_CHECK(of_case.size() == weights.size());
    for (size_t w = 0; w < weights.size(); ++w)
      out.mean[w] += of_case[w] / static_cast<double>(scores.size());
  }
  size_t best = weights.size() - 1;
  for (size_t w = weights.size(); w-- > 0;)
    if (out.mean[w] > out.mean[best]) best = w;
  out.model_weight = weights[best];
  return out;
}

}  // namespace gantry
