#include "stats/paired_tests.h"

#include "stats/oracle_test.h"

namespace gantry {
namespace {

ConfusionMatrix square(const nlohmann::json& rows) {
  ConfusionMatrix m(static_cast<int>(rows.size()));
  for (int i = 0; i < m.classes(); ++i) {
    for (int j = 0; j < m.classes(); ++j) m.at(i, j) = rows[i][j];
  }
  return m;
}

TEST(Mcnemar, GoldenValueOfTheProduct) {
  EXPECT_NEAR(mcnemar(12, 3).p, 0.0352, 5e-5);
  EXPECT_TRUE(mcnemar(12, 3).exact);
}

TEST(Mcnemar, MatchesStatsmodels) {
  for (const auto& row : oracle("inference.json")["mcnemar"]) {
    const int64_t b = row["b"], c = row["c"];
    if (b + c == 0) {
      EXPECT_EQ(mcnemar(b, c).p, 1.0);
      EXPECT_EQ(mcnemar(b, c, McnemarMethod::kMidP).p, 1.0);
      EXPECT_FALSE(mcnemar(b, c, McnemarMethod::kChiSquared).defined);
      continue;
    }
    EXPECT_TRUE(close(mcnemar(b, c).p, row["exact"])) << row.dump();
    EXPECT_TRUE(close(mcnemar(b, c, McnemarMethod::kMidP).p, row["mid_p"])) << row.dump();
    const TestResult plain = mcnemar(b, c, McnemarMethod::kChiSquared);
    EXPECT_TRUE(close(plain.statistic, row["chi2"][0])) << row.dump();
    EXPECT_TRUE(close(plain.p, row["chi2"][1])) << row.dump();
    if (b == c) continue;  // statsmodels "corrects" a difference of 0 to -1; here it stays 0
    const TestResult corrected = mcnemar(b, c, McnemarMethod::kChiSquaredCorrected);
    EXPECT_TRUE(close(corrected.statistic, row["corrected"][0])) << row.dump();
    EXPECT_TRUE(close(corrected.p, row["corrected"][1])) << row.dump();
  }
}

TEST(Mcnemar, SharedReferenceVector) {
  const auto reference = shared_reference("stats/stats_reference.json");
  if (reference.is_null()) GTEST_SKIP() << "the shared reference vectors are not on this machine";
  for (const auto& row : reference["mcnemar"]) {
    const int64_t b = row["table"][0][1], c = row["table"][1][0];
    if (b == c) continue;
    const McnemarMethod method = row["exact"]        ? McnemarMethod::kExact
                                 : row["correction"] ? McnemarMethod::kChiSquaredCorrected
                                                     : McnemarMethod::kChiSquared;
    EXPECT_TRUE(close(mcnemar(b, c, method).p, row["p"])) << row.dump();
    EXPECT_TRUE(close(mcnemar(b, c, method).statistic, row["statistic"])) << row.dump();
  }
}

TEST(CochranQ, MatchesStatsmodels) {
  for (const auto& row : oracle("inference.json")["cochran"]) {
    const TestResult t = cochran_q(row["readers"], row["yes"].get<std::vector<uint8_t>>());
    EXPECT_TRUE(close(t.statistic, row["statistic"]));
    EXPECT_TRUE(close(t.p, row["p"]));
  }
  EXPECT_FALSE(cochran_q(3, std::vector<uint8_t>{1, 1, 1, 0, 0, 0}).defined);
}

TEST(SquareTables, BowkerAndStuartMaxwellMatchStatsmodels) {
  for (const auto& row : oracle("inference.json")["squares"]) {
    const ConfusionMatrix table = square(row["table"]);
    const TestResult b = bowker(table), s = stuart_maxwell(table);
    EXPECT_TRUE(close(b.statistic, row["bowker"][0]));
    EXPECT_TRUE(close(b.p, row["bowker"][1]));
    EXPECT_EQ(b.degrees_of_freedom, row["bowker"][2].get<double>());
    EXPECT_TRUE(close(s.statistic, row["stuart_maxwell"][0]));
    EXPECT_TRUE(close(s.p, row["stuart_maxwell"][1]));
    EXPECT_EQ(s.degrees_of_freedom, row["stuart_maxwell"][2].get<double>());
  }
}

TEST(SquareTables, FullAgreementIsNotDefinedAndTwoGroupsAreMcnemar) {
  ConfusionMatrix same(3);
  for (int c = 0; c < 3; ++c) same.at(c, c) = 5;
  EXPECT_FALSE(bowker(same).defined);
  EXPECT_FALSE(stuart_maxwell(same).defined);
  ConfusionMatrix two(2);
  two.at(0, 0) = 30;
  two.at(0, 1) = 12;
  two.at(1, 0) = 3;
  two.at(1, 1) = 40;
  const TestResult m = mcnemar(12, 3, McnemarMethod::kChiSquared);
  EXPECT_TRUE(close(bowker(two).p, m.p));
  EXPECT_TRUE(close(stuart_maxwell(two).p, m.p));
}

}  // namespace
}  // namespace gantry
