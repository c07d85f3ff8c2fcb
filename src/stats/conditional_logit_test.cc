#include "stats/conditional_logit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gantry {
namespace {

// Two features over three candidates: one that tells the chosen, one that is the same everywhere.
ChoiceSets example() {
  ChoiceSets sets{.candidates = 3, .features = 2};
  const int chosen[] = {0, 1, 2, 0, 1, 2, 0, 1};
  for (int i = 0; i < 8; ++i) {
    for (int c = 0; c < 3; ++c) {
      const bool agrees = i == 7 ? c == 2 : c == chosen[i];  // the last case is misleading
      sets.value.push_back(agrees ? 1.0f : 0.0f);
      sets.value.push_back(4.0f);
    }
    sets.chosen.push_back(chosen[i]);
  }
  return sets;
}

TEST(ConditionalLogit, IsTheMaximumOfThePenalisedLikelihood) {
  const ConditionalLogit model = fit_conditional_logit(example(), 0.5);
  EXPECT_TRUE(model.converged);
  ASSERT_EQ(model.weight.size(), 2u);
  EXPECT_EQ(model.weight[1], 0);  // never changes: says nothing
  // d/dw of 8 ln(e^w + 2) - 7 w + penalty / 2 (w sd)^2, sd of a feature that is 1 in a third of
  // rows.
  const double sd = std::sqrt(1.0 / 3 - 1.0 / 9), w = model.weight[0];
  EXPECT_NEAR(8 * std::exp(w) / (std::exp(w) + 2) - 7 + 0.5 * w * sd * sd, 0, 2e-3);
}

TEST(ConditionalLogit, ScoresRankTheCandidates) {
  const ConditionalLogit model = fit_conditional_logit(example(), 0.5);
  const std::vector<float> three = {0, 4, 1, 4, 0, 4};
  const std::vector<double> score = model.scores(three);
  ASSERT_EQ(score.size(), 3u);
  EXPECT_GT(score[1], score[0]);
  EXPECT_EQ(score[0], score[2]);
}

}  // namespace
}  // namespace gantry
