#include "stats/agreement.h"

#include "stats/multiple_testing.h"
#include "stats/oracle_test.h"
#include "stats/sample_size.h"

namespace gantry {
namespace {

const std::vector<std::pair<std::string, AgreementWeights>> kWeights{
    {"none", AgreementWeights::kNone},
    {"linear", AgreementWeights::kLinear},
    {"quadratic", AgreementWeights::kQuadratic}};

void expect_interval(const Estimate& e, const nlohmann::json& expected, double lowest) {
  EXPECT_TRUE(close(e.value, expected[0])) << expected.dump();
  EXPECT_TRUE(close(e.lower, std::max(lowest, expected[1].get<double>()))) << expected.dump();
  EXPECT_TRUE(close(e.upper, std::min(1.0, expected[2].get<double>()))) << expected.dump();
}

TEST(CohenKappa, MatchesStatsmodels) {
  for (const auto& row : oracle("inference.json")["squares"]) {
    const auto& cells = row["table"];
    ConfusionMatrix table(static_cast<int>(cells.size()));
    for (int i = 0; i < table.classes(); ++i) {
      for (int j = 0; j < table.classes(); ++j) table.at(i, j) = cells[i][j];
    }
    for (const auto& [name, weights] : kWeights) {
      expect_interval(cohen_kappa(table, weights), row["kappa_" + name], -1);
    }
    EXPECT_TRUE(close(cohen_kappa(table).value, table.kappa()));
  }
}

// One reader calls everything the first of four groups: no agreement beyond chance, and no
// variance but what rounding leaves.
TEST(CohenKappa, OneReaderWithoutVarianceHasNoInterval) {
  ConfusionMatrix table(4);
  const double others[] = {75, 20, 14, 0};
  for (int c = 0; c < 4; ++c) table.at(0, c) = others[c];
  for (auto weights :
       {AgreementWeights::kNone, AgreementWeights::kLinear, AgreementWeights::kQuadratic}) {
    const Estimate kappa = cohen_kappa(table, weights);
    EXPECT_TRUE(kappa.defined);
    EXPECT_NEAR(kappa.value, 0, 1e-12);
    EXPECT_FALSE(kappa.has_interval);
  }
}

TEST(CohenKappa, OneGroupOnlyIsNotDefined) {
  ConfusionMatrix table(3);
  EXPECT_FALSE(cohen_kappa(table).defined);
  table.at(1, 1) = 40;
  EXPECT_FALSE(cohen_kappa(table).defined);
  table.at(2, 2) = 10;
  EXPECT_EQ(cohen_kappa(table).value, 1.0);
  EXPECT_FALSE(cohen_kappa(table).has_interval);
}

TEST(ManyReaders, CoefficientsAndIntervalsMatchIrrCac) {
  for (const auto& row : oracle("inference.json")["ratings"]) {
    const Readings r =
        count_readings(row["classes"], row["readers"], row["reading"].get<std::vector<int>>());
    for (const auto& [name, weights] : kWeights) {
      expect_interval(fleiss_kappa(r, weights), row["fleiss_" + name], -1);
      expect_interval(gwet_ac(r, weights), row["gwet_" + name], -1);
      expect_interval(krippendorff_alpha(r, weights), row["krippendorff_" + name], -1);
    }
    EXPECT_TRUE(close(krippendorff_alpha(r).value, row["alpha_nominal"]));
    EXPECT_TRUE(
        close(krippendorff_alpha(r, AgreementWeights::kQuadratic).value, row["alpha_interval"]));
  }
}

TEST(ManyReaders, SharedReferenceVector) {
  const auto reference = shared_reference("stats/stats_reference.json");
  if (reference.is_null()) GTEST_SKIP() << "the shared reference vectors are not on this machine";
  for (const auto& row : reference["fleiss_kappa"]) {
    if (row["method"] != "fleiss") continue;
    Readings r;
    r.classes = static_cast<int>(row["table"][0].size());
    for (const auto& counts : row["table"]) {
      for (int32_t count : counts) r.counts.push_back(count);
    }
    EXPECT_TRUE(close(fleiss_kappa(r).value, row["kappa"]));
  }
  for (const auto& row : reference["cohens_kappa"]) {
    ConfusionMatrix table(static_cast<int>(row["table"].size()));
    for (int i = 0; i < table.classes(); ++i) {
      for (int j = 0; j < table.classes(); ++j) table.at(i, j) = row["table"][i][j];
    }
    for (const auto& [name, weights] : kWeights) {
      if (row["weights"] == name && row["kappa"].is_number()) {
        EXPECT_TRUE(close(cohen_kappa(table, weights).value, row["kappa"])) << row.dump();
      }
    }
  }
}

TEST(ManyReaders, EdgesAreNotDefined) {
  EXPECT_FALSE(fleiss_kappa({3, {}}).defined);
  EXPECT_FALSE(krippendorff_alpha({3, {1, 0, 0}}).defined);     // one reading
  EXPECT_FALSE(fleiss_kappa({3, {2, 0, 0, 2, 0, 0}}).defined);  // one group only
  EXPECT_TRUE(gwet_ac({3, {2, 0, 0, 2, 0, 0}}).defined);        // AC1 has no such paradox
  EXPECT_FALSE(gwet_ac({3, {2, 0, 0, 2, 0, 0}}).has_interval);  // no spread between cases
}

TEST(MultipleTesting, MatchesStatsmodels) {
  for (const auto& row : oracle("inference.json")["adjusted"]) {
    const std::vector<double> p = row["p"];
    const auto b = bonferroni(p), h = holm(p), f = benjamini_hochberg(p);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_TRUE(close(b[i], row["bonferroni"][i]));
      EXPECT_TRUE(close(h[i], row["holm"][i]));
      EXPECT_TRUE(close(f[i], row["benjamini_hochberg"][i]));
    }
  }
  const auto with_gap = holm(std::vector<double>{0.01, NAN, 0.02});
  EXPECT_TRUE(close(with_gap[0], 0.02));
  EXPECT_TRUE(std::isnan(with_gap[1]));
}

TEST(SampleSize, MatchesACountingLoop) {
  const auto sizes = oracle("inference.json")["sizes"];
  for (const auto& row : sizes["wilson"]) {
    EXPECT_EQ(sample_size_wilson(row["p"], row["h"]), row["n"].get<int64_t>());
  }
  for (const auto& row : sizes["power"]) {
    EXPECT_TRUE(close(power_mcnemar_exact(row["a"], row["b"], row["n"]), row["power"]));
  }
  EXPECT_EQ(sample_size_wald(0.5, 0.05), 385);
  // (1.959964 sqrt(0.35) + 1.281552 sqrt(0.35 - 0.15^2))^2 / 0.15^2 = 159.25
  EXPECT_EQ(sample_size_mcnemar(0.25, 0.10, 0.9), 160);
  EXPECT_NEAR(power_mcnemar_exact(0.25, 0.10, 160), 0.9, 0.03);  // the exact test is stricter
}

}  // namespace
}  // namespace gantry
