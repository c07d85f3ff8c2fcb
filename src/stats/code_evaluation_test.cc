#include "stats/code_evaluation.h"

#include <gtest/gtest.h>

namespace gantry {
namespace {

// Codes: 0 C79.51, 1 C79.52, 2 C79.31, 3 C61. At 4: C79.5 = 0, C79.3 = 1, C61 = 2. At 3: C79 = 0,
// C61 = 1.
CodePredictions example() {
  CodePredictions p;
  p.at4 = {0, 0, 1, 2};
  p.at3 = {0, 0, 0, 1};
  p.truth = {0, 0, 2, 3, 3, 1};
  p.ranked = {{0, 1}, {1, 0}, {0, 3, 1, 2}, {3}, {}, {0, 2, 3, 1, 1}};
  p.seen = {1, 1, 1, 1, 1, 0};
  p.invalid = {0, 0, 0, 0, 1, 0};
  p.patient = {0, 0, 1, 2, 3, 4};
  return p;
}

TEST(CodeEvaluation, SharesByHand) {
  const CodeEvaluation e = evaluate_codes(example(), {.samples = 200});
  EXPECT_EQ(e.n, 6);
  EXPECT_EQ(e.patients, 5);
  EXPECT_EQ(e.exact.count, 2);
  EXPECT_EQ(e.at4.count, 4);  // C79.51 and C79.52 share C79.5
  EXPECT_EQ(e.at3.count, 5);
  EXPECT_EQ(e.top3.count, 3);
  EXPECT_EQ(e.top5.count, 5);
  EXPECT_EQ(e.invalid_rate.count, 1);
  EXPECT_EQ(e.exact_seen.count, 2);
  EXPECT_EQ(e.exact_seen.n, 5);
  EXPECT_EQ(e.exact_unseen.count, 0);
  EXPECT_EQ(e.exact_unseen.n, 1);
  EXPECT_DOUBLE_EQ(e.exact_bootstrap.value, e.exact.value);
  EXPECT_DOUBLE_EQ(e.top5_bootstrap.value, e.top5.value);
  EXPECT_TRUE(e.exact_bootstrap.has_interval);
}

TEST(CodeEvaluation, MacroByHand) {
  // C79.51: truth 2, answered 3, both 1: F1 2/5. C79.52: 1, 1, 0. C79.31: 1, 0, 0. C61: 2, 1, 1:
  // 2/3. scikit-learn: f1_score(average="macro") over the four, an empty answer being a fifth label
  // left out.
  const CodeEvaluation e = evaluate_codes(example(), {.samples = 200});
  EXPECT_NEAR(e.macro_f1.value, (0.4 + 0 + 0 + 2.0 / 3) / 4, 1e-12);
  EXPECT_NEAR(e.macro_precision.value, (1.0 / 3 + 0 + 0 + 1) / 4, 1e-12);
  EXPECT_NEAR(e.macro_recall.value, (0.5 + 0 + 0 + 0.5) / 4, 1e-12);
  // Categories: C79 4, 4, 4; C61 2, 1, 1.
  EXPECT_NEAR(e.macro_f1_at3.value, (1 + 2.0 / 3) / 2, 1e-12);
}

TEST(CodeEvaluation, ConfusedPairsMostFrequentFirst) {
  CodePredictions p = example();
  p.truth.push_back(2);
  p.ranked.push_back({0});
  p.seen = {};
  p.invalid = {};
  p.patient = {};
  const CodeEvaluation e = evaluate_codes(p, {.samples = 50});
  ASSERT_EQ(e.confused.size(), 3u);
  EXPECT_EQ(e.confused[0].truth, 2);
  EXPECT_EQ(e.confused[0].answer, 0);
  EXPECT_EQ(e.confused[0].cases, 2);
  EXPECT_EQ(e.confused[1].truth, 0);
  EXPECT_EQ(e.confused[1].answer, 1);
  EXPECT_FALSE(e.invalid_rate.defined);
  EXPECT_FALSE(e.exact_unseen.defined);
}

TEST(CodeEvaluation, NothingIsNotDefined) {
  const CodeEvaluation e = evaluate_codes({}, {.samples = 10});
  EXPECT_FALSE(e.exact.defined);
  EXPECT_FALSE(e.macro_f1.defined);
}

TEST(FieldEvaluation, CountsOnlyWhatTheReferenceHas) {
  const std::vector<std::vector<uint8_t>> scored = {{1, 1, 1, 0}, {0, 0, 0, 0}, {1, 0, 1, 0}};
  const std::vector<std::vector<uint8_t>> right = {{1, 0, 1, 1}, {1, 1, 1, 1}, {1, 0, 0, 0}};
  const FieldEvaluation e = evaluate_fields(scored, right);
  EXPECT_EQ(e.of_field[0].count, 2);
  EXPECT_EQ(e.of_field[0].n, 3);
  EXPECT_FALSE(e.of_field[1].defined);
  EXPECT_EQ(e.of_field[2].count, 1);
  EXPECT_EQ(e.all_fields.count, 1);
  EXPECT_EQ(e.all_fields.n, 3);
}

TEST(MeanScore, IsTheMeanWithAnIntervalOverPatients) {
  const std::vector<double> score = {0, 1, 0.2, 0.9};
  const std::vector<int32_t> patient = {0, 0, 1, 1};
  const Estimate apart = mean_score(score, {}, {.samples = 2000});
  const Estimate paired = mean_score(score, patient, {.samples = 2000});
  EXPECT_DOUBLE_EQ(apart.value, 0.525);
  EXPECT_LT(apart.lower, 0.4);
  EXPECT_GT(apart.upper, 0.6);
  EXPECT_DOUBLE_EQ(paired.lower, 0.5);  // the patients' means are 0.5 and 0.55
  EXPECT_DOUBLE_EQ(paired.upper, 0.55);
}

}  // namespace
}  // namespace gantry
