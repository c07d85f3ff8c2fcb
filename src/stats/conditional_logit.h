// Conditional logit: which of many candidates is chosen, from features of each (McFadden 1974).
// One weight a feature, shared by all candidates, so that a candidate never chosen before can win.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gantry {

struct ChoiceSets {
  int64_t candidates = 0, features = 0;
  std::vector<float> value;     // [cases][candidates][features]
  std::vector<int32_t> chosen;  // [cases] 0 ... candidates - 1
};

struct ConditionalLogit {
  std::vector<double> weight;  // [features] of the features as they are
  bool converged = false;

  // Scores of candidates whose features lie one behind the other: their differences are log odds.
  std::vector<double> scores(std::span<const float> features) const;
};

// Minimises the mean's negative log likelihood times the cases + penalty / 2 * |w|^2, w being the
// weights of features scaled to a standard deviation of 1 over all candidates of all cases.
ConditionalLogit fit_conditional_logit(const ChoiceSets& sets, double penalty);

}  // namespace gantry
