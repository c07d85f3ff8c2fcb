#include "workflow/tuning_evidence.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "workflow/predictor.h"

namespace gantry {
namespace {

// 300 cases of 3 groups. The encoder is right where the n-gram member is not, and the other way
// round: joined they know more than either.
TuningScores complementary() {
  TuningScores scores;
  scores.classes = 3;
  Random random(5);
  std::vector<float> encoder;
  for (int i = 0; i < 300; ++i) {
    const int truth = i % 3;
    scores.truth.push_back(truth);
    scores.patient.push_back(i / 2);
    for (int c = 0; c < 3; ++c) {
      encoder.push_back(static_cast<float>((c == truth ? 1.2 : 0) + random.normal()));
      scores.ngrams.push_back((c == truth ? 1.2 : 0) + random.normal());
      scores.baseline.push_back((c == truth ? 0.6 : 0) + random.normal());
    }
  }
  scores.restarts = {encoder};
  scores.covers = {std::vector<uint8_t>(300, 1)};
  return scores;
}

TuningOptions options() {
  TuningOptions out;
  out.ngram_member = true;
  out.members = {0};
  out.bootstrap.samples = 200;
  out.error_rate = 0.1;
  return out;
}

TEST(TuningEvidence, JoinsMembersThatKnowDifferentThings) {
  TuningChoice choice = choose_on_tuning(complementary(), options());
  EXPECT_GT(choice.ngram_weight, 0.3);
  EXPECT_LT(choice.ngram_weight, 0.7);
  ASSERT_EQ(choice.steps.size(), 4u);
  EXPECT_GT(choice.steps[3].macro_f1.value, choice.steps[1].macro_f1.value);
  EXPECT_GT(choice.steps[3].macro_f1.value, choice.steps[2].macro_f1.value);
  ASSERT_TRUE(choice.abstention.attainable);
  EXPECT_LE(choice.abstention.error_rate.value, 0.1);
}

TEST(TuningEvidence, GivesNoWeightToAMemberThatKnowsNothing) {
  TuningScores scores = complementary();
  Random random(6);
  for (auto& logit : scores.ngrams) logit = random.normal();
  EXPECT_LE(choose_on_tuning(scores, options()).ngram_weight, 0.15);
}

TEST(TuningEvidence, EachCaseIsScoredByRestartsThatDidNotTrainOnIt) {
  TuningScores scores = complementary();
  // Two restarts, each covering half of the cases; what stands where a restart does not cover must
  // not matter.
  std::vector<float> first = scores.restarts[0], second = scores.restarts[0];
  std::vector<uint8_t> covers_first(300, 0), covers_second(300, 0);
  for (size_t i = 0; i < 300; ++i) {
    (i < 150 ? covers_first : covers_second)[i] = 1;
    for (size_t c = 0; c < 3; ++c) (i < 150 ? second : first)[i * 3 + c] = 1000;
  }
  TuningScores halves = scores;
  halves.restarts = {first, second};
  halves.covers = {covers_first, covers_second};
  TuningOptions both = options();
  both.members = {0, 1};
  EXPECT_DOUBLE_EQ(choose_on_tuning(halves, both).temperature,
                   choose_on_tuning(scores, options()).temperature);
}

TEST(JoinedScores, AConstantAddedToAnEncodersLogitsChangesNothing) {
  std::vector<std::vector<float>> encoders = {{1, 2, 3, 0, 1, 0}};
  std::vector<std::vector<float>> shifted = {{11, 12, 13, -5, -4, -5}};
  std::vector<double> ngrams = {0.5, 0, 0, 0, 0, 1};
  auto a = joined_scores(encoders, ngrams, 0.25, 3), b = joined_scores(shifted, ngrams, 0.25, 3);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
  EXPECT_NEAR(a[2] - a[0], 0.75 * 2 - 0.25 * 0.5, 1e-9);
}

}  // namespace
}  // namespace gantry
