// Prevalence weighting, non-inferiority, times and curve bands against
// tests/oracles/stats_readers.py.
#include "base/random.h"
#include "stats/curve_bands.h"
#include "stats/descriptive.h"
#include "stats/oracle_test.h"
#include "stats/paired_tests.h"
#include "stats/prevalence.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

void expect_interval(const Estimate& e, const nlohmann::json& expected, double tolerance = 1e-9) {
  EXPECT_TRUE(close(e.value, expected[0], tolerance)) << expected.dump();
  EXPECT_TRUE(close(e.lower, expected[1], tolerance)) << expected.dump();
  EXPECT_TRUE(close(e.upper, expected[2], tolerance)) << expected.dump();
}

TEST(PredictiveValues, MatchTheDeltaMethodByNumericDerivatives) {
  for (const auto& row : oracle("readers.json")["predictive"]) {
    const auto& in = row["in"];
    const auto v = predictive_values(in[0], in[1], in[2], in[3], in[4]);
    if (v.ppv.has_interval) expect_interval(v.ppv, row["ppv"], 1e-9);
    if (v.npv.has_interval) expect_interval(v.npv, row["npv"], 1e-9);
    EXPECT_TRUE(v.ppv.defined && v.npv.defined) << row.dump();
  }
}

TEST(PredictiveValues, AtTheSamplesOwnPrevalenceTheValueIsThePlainShare) {
  const auto v = predictive_values(90, 100, 80, 100, 0.5);
  EXPECT_TRUE(close(v.ppv.value, 90.0 / 110));
  EXPECT_TRUE(close(v.npv.value, 80.0 / 90));
}

TEST(PredictiveValues, EmptyDenominatorsAreNotDefined) {
  EXPECT_FALSE(predictive_values(0, 0, 5, 6, 0.1).ppv.defined);
  EXPECT_FALSE(predictive_values(1, 2, 0, 0, 0.1).npv.defined);
  EXPECT_FALSE(predictive_values(0, 3, 4, 4, 0.1).ppv.defined);  // nobody is called positive
  EXPECT_FALSE(predictive_values(1, 2, 3, 4, 1.5).ppv.defined);
  EXPECT_FALSE(predictive_values(1, 2, 3, 4, NAN).ppv.defined);
  EXPECT_FALSE(predictive_values(1, 2, 3, 4, 0).ppv.has_interval);
}

TEST(WeightedProportion, MatchesWilsonLimitsOfStatsmodelsJoined) {
  for (const auto& row : oracle("readers.json")["weighted"]) {
    std::vector<Stratum> strata;
    for (const auto& s : row["in"]) strata.push_back({s[0], s[1], s[2]});
    expect_interval(weighted_proportion(strata), row["out"]);
  }
  const Stratum empty[] = {{3, 4, 0.5}, {0, 0, 0.5}};
  EXPECT_FALSE(weighted_proportion(empty).defined);
}

TEST(NonInferiority, MatchesTheConstrainedMaximumLikelihood) {
  for (const auto& row : oracle("readers.json")["noninferiority"]) {
    const int64_t b = row["in"][0], c = row["in"][1], n = row["in"][2];
    const auto test = tango_noninferiority(
        {.both = 0, .first_only = b, .second_only = c, .neither = n - b - c}, row["in"][3]);
    EXPECT_TRUE(close(test.statistic, row["z"])) << row.dump();
    EXPECT_TRUE(close(test.p, row["p"])) << row.dump();
  }
}

TEST(NonInferiority, AgreesWithTangosInterval) {
  // p < 0.025 exactly when the lower limit of the 95 % interval lies above -margin.
  for (int64_t b : {0, 3, 9, 20})
    for (int64_t c : {0, 4, 12, 25})
      for (double margin : {0.01, 0.03, 0.08}) {
        const PairedCounts pairs{.both = 250, .first_only = b, .second_only = c, .neither = 10};
        const auto interval = tango_paired_difference(pairs);
        if (std::fabs(interval.lower + margin) < 1e-9) continue;
        EXPECT_EQ(tango_noninferiority(pairs, margin).p<0.025, interval.lower> - margin)
            << b << " " << c << " " << margin;
      }
  const PairedCounts pairs{.both = 50, .first_only = 12, .second_only = 3, .neither = 1};
  EXPECT_TRUE(close(std::pow(tango_noninferiority(pairs, 0).statistic, 2),
                    mcnemar(12, 3, McnemarMethod::kChiSquared).statistic));
  EXPECT_FALSE(tango_noninferiority({}, 0.05).defined);
}

TEST(Quartiles, MatchNumpyAndTheBinomialInterval) {
  for (const auto& row : oracle("readers.json")["medians"]) {
    const auto x = row["x"].get<std::vector<double>>();
    const Quartiles q = quartiles(x);
    EXPECT_TRUE(close(q.lowest, row["quartiles"][0]));
    EXPECT_TRUE(close(q.first, row["quartiles"][1]));
    EXPECT_TRUE(close(q.median, row["quartiles"][2]));
    EXPECT_TRUE(close(q.third, row["quartiles"][3]));
    EXPECT_TRUE(close(q.highest, row["quartiles"][4]));
    const Estimate m = median_estimate(x);
    EXPECT_EQ(m.has_interval, !row["interval"].is_null()) << x.size();
    if (m.has_interval) {
      EXPECT_EQ(m.lower, row["interval"][0].get<double>());
      EXPECT_EQ(m.upper, row["interval"][1].get<double>());
    }
  }
  EXPECT_FALSE(median_estimate({}).defined);
  EXPECT_TRUE(std::isnan(quartiles({}).median));
}

TEST(CurveBands, PointsMatchScikitLearn) {
  for (const auto& row : oracle("readers.json")["curves"]) {
    const auto score = row["score"].get<std::vector<double>>();
    const auto positive = row["positive"].get<std::vector<uint8_t>>();
    const auto roc =
        roc_band(score, positive, {}, row["grid"].get<std::vector<double>>(), {.samples = 200});
    ASSERT_EQ(roc.points.size(), row["sensitivity"].size());
    for (size_t i = 0; i < roc.points.size(); ++i) {
      EXPECT_TRUE(close(roc.points[i].y, row["sensitivity"][i])) << i;
      EXPECT_LE(roc.points[i].lower, roc.points[i].y + 1e-12);
      EXPECT_GE(roc.points[i].upper, roc.points[i].y - 1e-12);
    }
    const auto pr = precision_recall_band(
        score, positive, {}, row["recall"].get<std::vector<double>>(), {.samples = 200});
    for (size_t i = 0; i < pr.points.size(); ++i)
      EXPECT_TRUE(close(pr.points[i].y, row["precision"][i])) << i;
  }
}

TEST(CurveBands, HoldTheTrueCurveAboutAsOftenAsStated) {
  // Scores N(1,1) against N(0,1): sensitivity at 20 % false positives is Phi(1 - 0.8416) = 0.5629.
  int held = 0;
  const double grid[] = {0.2};
  for (uint64_t seed = 0; seed < 120; ++seed) {
    Random random(seed, 7);
    std::vector<double> score;
    std::vector<uint8_t> positive;
    for (int i = 0; i < 160; ++i) {
      positive.push_back(i % 2);
      score.push_back(random.normal() + i % 2);
    }
    const auto band = roc_band(score, positive, {}, grid, {.samples = 200, .seed = seed});
    held += band.points[0].lower <= 0.5629 && band.points[0].upper >= 0.5629;
  }
  EXPECT_GE(held, 105);  // 95 % of 120 is 114; below 105 with probability 0.001
}

TEST(CurveBands, OneGroupOnlyOrOnePatient) {
  const double score[] = {0.1, 0.9, 0.5}, grid[] = {0, 0.5, 1};
  const uint8_t all[] = {1, 1, 1}, some[] = {1, 0, 1};
  const int32_t one[] = {0, 0, 0};
  EXPECT_TRUE(roc_band(score, all, {}, grid, {.samples = 50}).points.empty());
  const auto band = roc_band(score, some, one, grid, {.samples = 50});
  ASSERT_EQ(band.points.size(), 3u);
  EXPECT_FALSE(band.points[0].has_interval);
}

}  // namespace
}  // namespace gantry
