#include "stats/abstention.h"

#include "base/random.h"
#include "stats/calibration.h"
#include "stats/oracle_test.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

TEST(Abstention, AreaMatchesItsDefinition) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const std::vector<int> truth = row["truth"];
    const std::vector<double> probability = row["probability"];
    const TopLabel top = top_label(row["classes"], probability, truth);
    EXPECT_TRUE(close(aurc(top.confidence, top.correct), row["aurc"])) << row["name"];
    EXPECT_GE(excess_aurc(top.confidence, top.correct), -1e-12);
  }
  const std::vector<double> falling{0.9, 0.8, 0.7, 0.6};
  EXPECT_NEAR(excess_aurc(falling, std::vector<uint8_t>{1, 1, 1, 0}), 0, 1e-15);
}

struct Answers {
  std::vector<double> confidence;
  std::vector<uint8_t> correct;
};

// Confidence uniform on 0..1; the chance of an error falls with it as (1 - confidence) / 2.
Answers simulated(uint64_t seed, int n) {
  Random random(seed);
  Answers a;
  for (int i = 0; i < n; ++i) {
    a.confidence.push_back(random.uniform());
    a.correct.push_back(random.uniform() >= (1 - a.confidence.back()) / 2);
  }
  return a;
}

TEST(Abstention, BoundHoldsOnTheTuningSet) {
  const Answers a = simulated(4, 2000);
  const AbstentionThreshold t =
      choose_abstention_threshold(a.confidence, a.correct, 0.1, AbstentionRule::kUpperBound);
  ASSERT_TRUE(t.attainable);
  EXPECT_LE(t.upper_bound, 0.1);
  int64_t answered = 0, errors = 0;
  for (size_t i = 0; i < a.confidence.size(); ++i) {
    if (a.confidence[i] < t.threshold) continue;
    ++answered;
    errors += !a.correct[i];
  }
  EXPECT_EQ(answered, t.coverage.count);
  EXPECT_EQ(errors, t.error_rate.count);
  EXPECT_TRUE(close(t.upper_bound, clopper_pearson_upper(errors, answered, 0.95)));
  const AbstentionThreshold observed =
      choose_abstention_threshold(a.confidence, a.correct, 0.1, AbstentionRule::kObserved);
  EXPECT_LE(observed.threshold, t.threshold);
  EXPECT_LE(observed.error_rate.value, 0.1);
}

// The point of the fixed sequence: over many tuning sets the true error rate of the chosen
// threshold exceeds the stated one in at most 5 % (2,000 sets: 5 % + 3 standard errors = 6.5 %).
TEST(Abstention, AssuranceHoldsForTheChosenThreshold) {
  int broken = 0, attained = 0;
  const int sets = 2000;
  for (int s = 0; s < sets; ++s) {
    const Answers a = simulated(1000 + s, 300);
    const AbstentionThreshold t =
        choose_abstention_threshold(a.confidence, a.correct, 0.15, AbstentionRule::kUpperBound);
    if (!t.attainable) continue;
    ++attained;
    broken += (1 - t.threshold) / 4 > 0.15;  // mean error rate above the threshold
  }
  EXPECT_GT(attained, sets / 2);
  EXPECT_LE(broken, 0.065 * sets);
}

TEST(Abstention, NotAttainable) {
  const std::vector<double> confidence(20, 0.9);
  const std::vector<uint8_t> correct(20, 1);
  const AbstentionThreshold t =
      choose_abstention_threshold(confidence, correct, 0.02, AbstentionRule::kUpperBound);
  EXPECT_FALSE(t.attainable);  // 20 of 20 right still allows 13.9 % errors
  EXPECT_EQ(t.threshold, INFINITY);
  EXPECT_FALSE(t.error_rate.defined);
  EXPECT_FALSE(
      choose_abstention_threshold({}, {}, 0.02, AbstentionRule::kUpperBound).coverage.defined);
}

}  // namespace
}  // namespace gantry
