#include "stats/proportion.h"

#include "stats/oracle_test.h"

namespace gantry {
namespace {

TEST(Proportion, GoldenValuesOfTheProduct) {
  const Estimate w = wilson(19, 20), none = wilson(0, 20), exact = clopper_pearson(19, 20);
  EXPECT_NEAR(w.lower, 0.7639, 5e-5);
  EXPECT_NEAR(w.upper, 0.9911, 5e-5);
  EXPECT_EQ(none.lower, 0.0);
  EXPECT_NEAR(none.upper, 0.1611, 5e-5);
  EXPECT_NEAR(exact.lower, 0.7513, 5e-5);
  EXPECT_NEAR(exact.upper, 0.9987, 5e-5);
  EXPECT_EQ(w.n, 20);
  EXPECT_EQ(w.count, 19);
  EXPECT_EQ(w.method, "Wilson");
}

TEST(Proportion, EmptyDenominatorIsNotDefined) {
  for (const Estimate& e : {wilson(0, 0), clopper_pearson(0, 0), newcombe_difference(0, 0, 1, 2),
                            newcombe_paired_difference({}), tango_paired_difference({})}) {
    EXPECT_FALSE(e.defined);
    EXPECT_FALSE(e.has_interval);
  }
  EXPECT_EQ(clopper_pearson_upper(0, 0, 0.95), 1.0);
}

TEST(Proportion, IntervalsMatchStatsmodels) {
  for (const auto& row : oracle("metrics.json")["proportions"]) {
    const int64_t count = row["count"], n = row["n"];
    const double level = row["level"];
    const Estimate w = wilson(count, n, level), b = clopper_pearson(count, n, level);
    EXPECT_TRUE(close(w.value, static_cast<double>(count) / static_cast<double>(n), 1e-15));
    EXPECT_TRUE(close(w.lower, row["wilson"][0])) << row.dump();
    EXPECT_TRUE(close(w.upper, row["wilson"][1])) << row.dump();
    EXPECT_TRUE(close(b.lower, row["clopper_pearson"][0])) << row.dump();
    EXPECT_TRUE(close(b.upper, row["clopper_pearson"][1])) << row.dump();
    EXPECT_TRUE(close(clopper_pearson_upper(count, n, level), row["upper"])) << row.dump();
  }
}

TEST(Proportion, NewcombeMatchesStatsmodels) {
  for (const auto& row : oracle("metrics.json")["differences"]) {
    const std::vector<int64_t> c = row["counts"];
    const Estimate e = newcombe_difference(c[0], c[1], c[2], c[3]);
    EXPECT_TRUE(close(e.lower, row["interval"][0])) << row.dump();
    EXPECT_TRUE(close(e.upper, row["interval"][1])) << row.dump();
  }
}

TEST(Proportion, PairedDifferences) {
  for (const auto& row : oracle("metrics.json")["paired_differences"]) {
    const std::vector<int64_t> t = row["table"];
    const PairedCounts pairs{t[0], t[1], t[2], t[3]};
    const Estimate n = newcombe_paired_difference(pairs), s = tango_paired_difference(pairs);
    EXPECT_TRUE(close(n.lower, row["newcombe"][0])) << row.dump();
    EXPECT_TRUE(close(n.upper, row["newcombe"][1])) << row.dump();
    EXPECT_TRUE(close(s.lower, row["tango"][0], 1e-8)) << row.dump();  // the oracle's root finding
    EXPECT_TRUE(close(s.upper, row["tango"][1], 1e-8)) << row.dump();
  }
}

}  // namespace
}  // namespace gantry
