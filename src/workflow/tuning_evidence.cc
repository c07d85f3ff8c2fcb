#include "workflow/tuning_evidence.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "stats/calibration.h"
#include "workflow/predictor.h"

namespace gantry {
namespace {

// The logits that serve case i: the mean over the members that did not train on it.
std::vector<float> served_logits(const TuningScores& scores, const std::vector<int>& members) {
  const auto classes = static_cast<size_t>(scores.classes);
  std::vector<float> out(scores.truth.size() * classes, 0.0f);
  for (size_t i = 0; i < scores.truth.size(); ++i) {
    int count = 0;
    for (int m : members) {
      if (!scores.covers[static_cast<size_t>(m)][i]) continue;
      ++count;
      for (size_t c = 0; c < classes; ++c)
        out[i * classes + c] += scores.restarts[static_cast<size_t>(m)][i * classes + c];
    }
    GANTRY_CHECK(count > 0);
    for (size_t c = 0; c < classes; ++c) out[i * classes + c] /= static_cast<float>(count);
  }
  return out;
}

RecipeStep step(std::string name, const TuningScores& scores, std::span<const double> logits,
                const BootstrapOptions& bootstrap) {
  Predictions p;
  p.classes = scores.classes;
  p.truth = scores.truth;
  p.patient = scores.patient;
  p.probability = softmax_with_temperature(scores.classes, logits, 1);
  Evaluation e = evaluate(p, {.bootstrap = bootstrap});
  return {std::move(name), e.accuracy, e.macro_f1};
}

// The weight of the n-gram member with the lowest log loss on the tuning cases, each weight at its
// best temperature: log loss moves with every case, where F1 on some hundred cases moves in jumps.
double tuned_weight(const TuningScores& scores, std::span<const std::vector<float>> encoder) {
  double best_weight = 0, best_loss = std::numeric_limits<double>::infinity();
  for (int twentieths = 0; twentieths < 20; ++twentieths) {
    double weight = twentieths / 20.0;
    auto joined = joined_scores(encoder, scores.ngrams, weight, scores.classes);
    double loss = fit_temperature(scores.classes, joined, scores.truth).log_loss_after;
    if (loss < best_loss - 1e-12) {
      best_loss = loss;
      best_weight = weight;
    }
  }
  return best_weight;
}

}  // namespace

TuningChoice choose_on_tuning(const TuningScores& scores, const TuningOptions& options) {
  TuningChoice choice;
  const std::vector<std::vector<float>> encoder = {served_logits(scores, options.members)};
  const auto encoder_alone = joined_scores(encoder, {}, 0, scores.classes);
  choice.steps.push_back(step("TF-IDF + logistic regression, the plain baseline", scores,
                              scores.baseline, options.bootstrap));
  if (options.ngram_member)
    choice.steps.push_back(
        step("TF-IDF member, with the task's blocks", scores, scores.ngrams, options.bootstrap));
  const bool joined_members =
      options.members.size() > 1 &&
      std::any_of(options.members.begin() + 1, options.members.end(), [&](int m) {
        for (size_t i = 0; i < scores.truth.size(); ++i)
          if (scores.covers[static_cast<size_t>(m)][i] &&
              scores.covers[static_cast<size_t>(options.members[0])][i])
            return true;
        return false;
      });
  choice.steps.push_back(step(joined_members ? "encoder, restarts averaged"
                              : options.members.size() > 1
                                  ? "encoder, each report by restarts not trained on it"
                                  : "encoder, best restart",
                              scores, encoder_alone, options.bootstrap));
  if (options.ngram_member) {
    choice.ngram_weight = options.tune_weight ? tuned_weight(scores, encoder) : 0.5;
    choice.steps.push_back(
        step("encoder and TF-IDF member joined", scores,
             joined_scores(encoder, scores.ngrams, choice.ngram_weight, scores.classes),
             options.bootstrap));
  }
  const auto served = joined_scores(encoder, scores.ngrams, choice.ngram_weight, scores.classes);
  choice.temperature = fit_temperature(scores.classes, served, scores.truth).temperature;

  const auto probability = softmax_with_temperature(scores.classes, served, choice.temperature);
  const TopLabel top = top_label(scores.classes, probability, scores.truth);
  choice.abstention = choose_abstention_threshold(
      top.confidence, top.correct, options.error_rate,
      options.upper_bound ? AbstentionRule::kUpperBound : AbstentionRule::kObserved);
  if (!choice.abstention.attainable && options.upper_bound) {
    choice.abstention = choose_abstention_threshold(top.confidence, top.correct, options.error_rate,
                                                    AbstentionRule::kObserved);
    choice.abstention_note =
        "Too few tuning cases to hold the stated error rate with 95 % confidence: the threshold "
        "holds the observed rate.";
  }
  if (!choice.abstention.attainable)
    choice.abstention_note =
        "No threshold keeps the tuning cases' error rate at the stated one: every answer is given, "
        "none is held back.";
  return choice;
}

}  // namespace gantry
