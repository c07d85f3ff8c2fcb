#include "stats/wilcoxon.h"

#include "stats/oracle_test.h"

namespace gantry {
namespace {

SignedRankOptions options_of(const nlohmann::json& row, const std::string& zeros) {
  SignedRankOptions o;
  const std::string alternative = row["alternative"], method = row["method"];
  o.alternative = alternative == "greater" ? Alternative::kGreater
                  : alternative == "less"  ? Alternative::kLess
                                           : Alternative::kTwoSided;
  o.zeros = zeros == "pratt"    ? ZeroRule::kPratt
            : zeros == "zsplit" ? ZeroRule::kZsplit
                                : ZeroRule::kWilcox;
  o.method = method == "exact"    ? SignedRankMethod::kExact
             : method == "approx" ? SignedRankMethod::kNormal
                                  : SignedRankMethod::kAuto;
  o.continuity_correction = row.value("correction", false);
  return o;
}

TEST(SignedRank, MatchesScipyInEveryVariant) {
  for (const auto& row : oracle("inference.json")["wilcoxon"]) {
    const TestResult t =
        signed_rank(row["d"].get<std::vector<double>>(), options_of(row, row["zeros"]));
    EXPECT_TRUE(close(t.statistic, row["statistic"])) << row.dump();
    EXPECT_TRUE(close(t.p, row["p"])) << row.dump();
  }
}

TEST(SignedRank, SharedReferenceVector) {
  const auto reference = shared_reference("stats/stats_reference.json");
  if (reference.is_null()) GTEST_SKIP() << "the shared reference vectors are not on this machine";
  int checked = 0;
  for (const auto& row : reference["wilcoxon_signed_rank"]) {
    if (!row["p"].is_number()) continue;
    const std::vector<double> x = row["x"];
    const std::vector<double> y =
        row["y"].is_null() ? std::vector<double>(x.size()) : row["y"].get<std::vector<double>>();
    const TestResult t = signed_rank(x, y, options_of(row, row.value("zero_method", "wilcox")));
    EXPECT_TRUE(close(t.statistic, row["statistic"])) << row.dump();
    EXPECT_TRUE(close(t.p, row["p"])) << row.dump();
    ++checked;
  }
  EXPECT_GT(checked, 20);
}

TEST(SignedRank, NothingToRankIsNotDefined) {
  EXPECT_FALSE(signed_rank(std::vector<double>{}).defined);
  EXPECT_FALSE(signed_rank(std::vector<double>{0, 0, 0}).defined);
  EXPECT_FALSE(signed_rank(std::vector<double>{0, 0}, {.zeros = ZeroRule::kPratt}).defined);
  EXPECT_FALSE(hodges_lehmann({}).defined);
}

TEST(HodgesLehmann, MatchesTheStepsOfR) {
  for (const auto& row : oracle("inference.json")["hodges_lehmann"]) {
    const Estimate e = hodges_lehmann(row["d"].get<std::vector<double>>());
    EXPECT_TRUE(close(e.value, row["estimate"]));
    ASSERT_EQ(e.has_interval, row.contains("interval")) << row.dump();
    if (!e.has_interval) continue;
    EXPECT_TRUE(close(e.lower, row["interval"][0])) << row.dump();
    EXPECT_TRUE(close(e.upper, row["interval"][1])) << row.dump();
  }
}

TEST(HodgesLehmann, LargeSamplesAgreeWithTheirTest) {
  std::vector<double> d;
  for (int i = 0; i < 3000; ++i) d.push_back(std::sin(i * 1.7) + 0.05);
  const Estimate e = hodges_lehmann(d);
  EXPECT_LT(e.lower, e.value);
  EXPECT_GT(e.upper, e.value);
  const auto p_at = [&](double shift) {
    std::vector<double> moved = d;
    for (double& x : moved) x -= shift;
    return signed_rank(moved).p;
  };
  EXPECT_NEAR(p_at(e.lower), 0.05, 2e-3);
  EXPECT_NEAR(p_at(e.upper), 0.05, 2e-3);
}

}  // namespace
}  // namespace gantry
