#include "stats/roc.h"

#include "stats/distributions.h"
#include "stats/oracle_test.h"

namespace gantry {
namespace {

struct OneVsRest {
  std::vector<double> score;
  std::vector<uint8_t> positive;
  std::vector<double> weight;  // 1, 2, 3, 1, ... as in the oracle
};

OneVsRest one_vs_rest(const nlohmann::json& row, int c) {
  const int classes = row["classes"];
  const std::vector<int> truth = row["truth"];
  const std::vector<double> probability = row["probability"];
  OneVsRest data;
  for (size_t i = 0; i < truth.size(); ++i) {
    data.score.push_back(probability[i * classes + c]);
    data.positive.push_back(truth[i] == c);
    data.weight.push_back(1 + static_cast<double>(i % 3));
  }
  return data;
}

TEST(Roc, AreaAndAveragePrecisionMatchScikitLearn) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    for (int c = 0; c < row["classes"]; ++c) {
      const auto& expected = row["per_class"][c];
      const OneVsRest d = one_vs_rest(row, c);
      if (!expected.contains("auc")) {
        EXPECT_TRUE(std::isnan(auc(d.score, d.positive)));
        EXPECT_FALSE(auc_delong(d.score, d.positive).defined);
        EXPECT_TRUE(roc_curve(d.score, d.positive).empty());
        continue;
      }
      EXPECT_TRUE(close(auc(d.score, d.positive), expected["auc"]));
      EXPECT_TRUE(close(auc(d.score, d.positive, d.weight), expected["auc_by_weight"]));
      EXPECT_TRUE(close(average_precision(d.score, d.positive), expected["average_precision"]));
      EXPECT_TRUE(close(average_precision(d.score, d.positive, d.weight),
                        expected["average_precision_by_weight"]));
    }
  }
}

TEST(Roc, DeLongIntervalMatchesTheDoubleLoop) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    for (int c = 0; c < row["classes"]; ++c) {
      const auto& expected = row["per_class"][c];
      if (!expected.contains("auc")) continue;
      const OneVsRest d = one_vs_rest(row, c);
      const Estimate e = auc_delong(d.score, d.positive);
      const double area = expected["auc"],
                   se = std::sqrt(expected["delong_variance"].get<double>());
      EXPECT_TRUE(close(e.lower, std::max(0.0, area - two_sided_z(0.95) * se)));
      EXPECT_TRUE(close(e.upper, std::min(1.0, area + two_sided_z(0.95) * se)));
      const Estimate logit = auc_delong(d.score, d.positive, 0.95, AucScale::kLogit);
      EXPECT_LT(logit.upper, 1.0);
      EXPECT_LT(logit.lower, area);
    }
  }
}

TEST(Roc, PerfectRankingHasNoInterval) {
  const std::vector<double> score{0.9, 0.8, 0.2, 0.1};
  const std::vector<uint8_t> positive{1, 1, 0, 0};
  const Estimate e = auc_delong(score, positive);
  EXPECT_EQ(e.value, 1.0);
  EXPECT_FALSE(e.has_interval);
}

TEST(Roc, ComparisonMatchesTheDoubleLoop) {
  for (const auto& row : oracle("metrics.json")["auc_pairs"]) {
    const std::vector<double> first = row["first"], second = row["second"];
    const std::vector<uint8_t> positive = row["positive"];
    const AucComparison c = auc_compare(first, second, positive);
    EXPECT_TRUE(close(c.first.value, row["auc"][0]));
    EXPECT_TRUE(close(c.second.value, row["auc"][1]));
    EXPECT_TRUE(close(c.test.statistic, row["z"]));
    EXPECT_TRUE(close(c.test.p, row["p"]));
    EXPECT_TRUE(close(c.difference.upper - c.difference.lower,
                      2 * two_sided_z(0.95) * row["se"].get<double>()));
    const AucComparison same = auc_compare(first, first, positive);
    EXPECT_EQ(same.difference.value, 0.0);
    EXPECT_FALSE(same.test.defined);
  }
}

TEST(Roc, SeveralClassesMatchScikitLearn) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const std::vector<int> truth = row["truth"];
    const std::vector<double> probability = row["probability"];
    const MulticlassAuc m = multiclass_auc(row["classes"], probability, truth);
    if (row.contains("auc_ovr")) {
      EXPECT_TRUE(close(m.macro_one_vs_rest, row["auc_ovr"]));
      EXPECT_TRUE(close(m.macro_one_vs_one, row["auc_ovo"]));
      EXPECT_TRUE(close(m.weighted_one_vs_rest, row["auc_ovr_weighted"]));
    }
  }
}

TEST(Roc, CurvesEndWhereTheyMust) {
  const OneVsRest d = one_vs_rest(oracle("metrics.json")["classifiers"][1], 0);
  const auto roc = roc_curve(d.score, d.positive);
  EXPECT_EQ(roc.front().sensitivity, 0.0);
  EXPECT_EQ(roc.back().sensitivity, 1.0);
  EXPECT_EQ(roc.back().false_positive_rate, 1.0);
  double area = 0;
  for (size_t i = 1; i < roc.size(); ++i) {
    area += (roc[i].false_positive_rate - roc[i - 1].false_positive_rate) *
            (roc[i].sensitivity + roc[i - 1].sensitivity) / 2;
  }
  EXPECT_TRUE(close(area, auc(d.score, d.positive)));
  const auto pr = precision_recall_curve(d.score, d.positive);
  EXPECT_EQ(pr.back().recall, 1.0);
  double precision = pr[0].recall * pr[0].precision;
  for (size_t i = 1; i < pr.size(); ++i) {
    precision += (pr[i].recall - pr[i - 1].recall) * pr[i].precision;
  }
  EXPECT_TRUE(close(precision, average_precision(d.score, d.positive)));
}

}  // namespace
}  // namespace gantry
