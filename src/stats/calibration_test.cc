#include "stats/calibration.h"

#include "stats/distributions.h"
#include "stats/oracle_test.h"

namespace gantry {
namespace {

TEST(Calibration, ScoresMatchScikitLearnAndDefinitions) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const int classes = row["classes"];
    const std::vector<int> truth = row["truth"];
    const std::vector<double> probability = row["probability"];
    EXPECT_TRUE(close(brier(classes, probability, truth), row["brier"]));
    EXPECT_TRUE(close(log_loss(classes, probability, truth), row["log_loss"]));
    const TopLabel top = top_label(classes, probability, truth);
    const auto bins = reliability_bins(top.confidence, top.correct, 10);
    EXPECT_TRUE(close(expected_calibration_error(bins), row["ece"])) << row["name"];
    EXPECT_GE(maximum_calibration_error(bins), expected_calibration_error(bins));
  }
}

TEST(Calibration, BinEdgesBelongBelow) {
  const std::vector<double> p{0.0, 0.1, 0.3, 0.7, 0.70000001, 1.0};
  EXPECT_EQ(assign_bins(p, 10, Binning::kEqualWidth), (std::vector<int32_t>{0, 0, 2, 6, 7, 9}));
  const std::vector<double> tied{0.5, 0.5, 0.5, 0.9};
  EXPECT_EQ(assign_bins(tied, 2, Binning::kEqualCount), (std::vector<int32_t>{0, 0, 0, 1}));
}

TEST(Calibration, EmptyBinsAreNotDefined) {
  const std::vector<double> p{0.95, 0.99};
  const std::vector<uint8_t> y{1, 1};
  const auto bins = reliability_bins(p, y, 5);
  EXPECT_EQ(bins[0].n, 0);
  EXPECT_FALSE(bins[0].observed.defined);
  EXPECT_EQ(bins[4].n, 2);
  EXPECT_EQ(reliability_bins(p, y, 5, Binning::kEqualCount).size(), 2u);
  EXPECT_TRUE(std::isnan(expected_calibration_error(reliability_bins({}, {}, 5))));
}

TEST(Calibration, LineMatchesStatsmodels) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const int classes = row["classes"];
    const std::vector<int> truth = row["truth"];
    const std::vector<double> probability = row["probability"];
    for (int c = 0; c < classes; ++c) {
      if (!row["per_class"][c].contains("calibration")) continue;
      const auto& expected = row["per_class"][c]["calibration"];
      std::vector<double> p;
      std::vector<uint8_t> y;
      for (size_t i = 0; i < truth.size(); ++i) {
        p.push_back(probability[i * classes + c]);
        y.push_back(truth[i] == c);
      }
      const CalibrationLine line = calibration_line(p, y);
      const double width = 2 * two_sided_z(0.95);
      EXPECT_TRUE(close(line.slope.value, expected["slope"], 1e-8));
      EXPECT_TRUE(close(line.intercept.value, expected["intercept"], 1e-8));
      EXPECT_TRUE(close(line.calibration_in_the_large.value, expected["large"], 1e-8));
      EXPECT_TRUE(close((line.slope.upper - line.slope.lower) / width, expected["slope_se"], 1e-7));
      EXPECT_TRUE(close((line.intercept.upper - line.intercept.lower) / width,
                        expected["intercept_se"], 1e-7));
      EXPECT_TRUE(
          close((line.calibration_in_the_large.upper - line.calibration_in_the_large.lower) / width,
                expected["large_se"], 1e-7));
    }
  }
}

TEST(Calibration, LineIsNotDefinedWhereItCannotBe) {
  const std::vector<double> p{0.1, 0.2, 0.8, 0.9}, same{0.5, 0.5, 0.5, 0.5};
  EXPECT_FALSE(calibration_line(p, std::vector<uint8_t>{0, 0, 1, 1}).slope.defined);  // separable
  EXPECT_FALSE(calibration_line(p, std::vector<uint8_t>{1, 1, 1, 1}).slope.defined);
  const CalibrationLine flat = calibration_line(same, std::vector<uint8_t>{0, 1, 0, 1});
  EXPECT_FALSE(flat.slope.defined);
  EXPECT_TRUE(flat.calibration_in_the_large.defined);
}

TEST(Calibration, TemperatureMatchesScipy) {
  for (const auto& row : oracle("metrics.json")["classifiers"]) {
    const std::vector<int> truth = row["truth"];
    const std::vector<double> logits = row["logits"];
    const Temperature t = fit_temperature(row["classes"], logits, truth);
    EXPECT_FALSE(t.at_bound);
    EXPECT_TRUE(close(t.temperature, row["temperature"], 1e-6));  // the oracle's flat minimum
    EXPECT_TRUE(close(t.log_loss_after, row["temperature_loss"], 1e-9));
    const auto p = softmax_with_temperature(row["classes"], logits, t.temperature);
    EXPECT_TRUE(close(log_loss(row["classes"], p, truth), t.log_loss_after));
    EXPECT_LE(t.log_loss_after, t.log_loss_before);
  }
}

TEST(Calibration, SeparableSetSaysNothingAboutTemperature) {
  const std::vector<double> logits{2, 0, 0, 3};
  const Temperature right = fit_temperature(2, logits, std::vector<int>{0, 1});
  EXPECT_TRUE(right.at_bound);
  EXPECT_EQ(right.temperature, 1.0);
  EXPECT_EQ(right.log_loss_after, right.log_loss_before);
  const Temperature wrong = fit_temperature(2, logits, std::vector<int>{1, 0});
  EXPECT_TRUE(wrong.at_bound);
  EXPECT_NEAR(wrong.temperature, 1e3, 1e-6);
  EXPECT_TRUE(fit_temperature(2, {}, {}).at_bound);
}

}  // namespace
}  // namespace gantry
