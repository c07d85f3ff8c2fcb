#include "stats/bootstrap.h"

#include <limits>

#include "base/threads.h"
#include "stats/oracle_test.h"

namespace gantry {
namespace {

struct Clustered {
  std::vector<int32_t> patient;
  std::vector<double> value;
  int64_t patients;
};

ResampledStatistic mean_of(const Clustered& data) {
  return [&data](std::span<const int32_t> times, std::span<double> out) {
    double sum = 0, n = 0;
    for (size_t i = 0; i < data.value.size(); ++i) {
      sum += times[data.patient[i]] * data.value[i];
      n += times[data.patient[i]];
    }
    out[0] = sum / n;
  };
}

Clustered clustered(const nlohmann::json& row) {
  return {row["patient"], row["value"], row["patients"]};
}

TEST(Bootstrap, PercentileAndBcaMatchNumpyAndScipyOnTheSameResamples) {
  for (const auto& row : oracle("metrics.json")["bootstraps"]) {
    const Clustered data = clustered(row);
    BootstrapOptions options{.samples = row["samples"], .seed = row["seed"]};
    const BootstrapFigure percentile =
        cluster_bootstrap(data.patients, 1, mean_of(data), options).figures[0];
    EXPECT_TRUE(close(percentile.value, row["mean"]));
    EXPECT_TRUE(close(percentile.standard_error, row["se"]));
    EXPECT_TRUE(close(percentile.lower, row["percentile"][0]));
    EXPECT_TRUE(close(percentile.upper, row["percentile"][1]));
    options.interval = BootstrapInterval::kBca;
    const BootstrapFigure bca =
        cluster_bootstrap(data.patients, 1, mean_of(data), options).figures[0];
    EXPECT_TRUE(close(bca.lower, row["bca"][0]));
    EXPECT_TRUE(close(bca.upper, row["bca"][1]));
  }
}

TEST(Bootstrap, SameBitsForAnyNumberOfThreads) {
  const Clustered data = clustered(oracle("metrics.json")["bootstraps"][0]);
  const BootstrapOptions options{.samples = 200, .seed = 3, .interval = BootstrapInterval::kBca};
  const int threads = thread_count();
  std::vector<BootstrapFigure> seen;
  for (int n : {1, 2, 3}) {
    set_thread_count(n);
    seen.push_back(cluster_bootstrap(data.patients, 1, mean_of(data), options).figures[0]);
  }
  set_thread_count(threads);
  for (const BootstrapFigure& figure : seen) {
    EXPECT_EQ(figure.lower, seen[0].lower);
    EXPECT_EQ(figure.upper, seen[0].upper);
  }
}

TEST(Bootstrap, OnePatientHasAFigureButNoInterval) {
  const Clustered data{{0, 0, 0}, {1, 2, 6}, 1};
  const BootstrapResult result = cluster_bootstrap(1, 1, mean_of(data));
  EXPECT_TRUE(result.figures[0].defined);
  EXPECT_EQ(result.figures[0].value, 3.0);
  EXPECT_FALSE(result.figures[0].has_interval);
}

TEST(Bootstrap, NoPatientIsNotDefined) {
  const BootstrapResult result = cluster_bootstrap(
      0, 2, [](std::span<const int32_t>, std::span<double>) { FAIL() << "nothing to compute"; });
  EXPECT_FALSE(result.figures[0].defined);
  EXPECT_FALSE(result.figures[1].estimate(0, result.method).defined);
}

TEST(Bootstrap, EqualValuesAndRarelyDefinedFiguresHaveNoInterval) {
  // 0: always 1. 1: defined only where patient 0 was drawn (about 64 % of samples).
  const BootstrapResult result = cluster_bootstrap(
      20, 2,
      [](std::span<const int32_t> times, std::span<double> out) {
        out[0] = 1;
        out[1] = times[0] > 0 ? times[1] : std::numeric_limits<double>::quiet_NaN();
      },
      {.samples = 500});
  EXPECT_TRUE(result.figures[0].defined);
  EXPECT_FALSE(result.figures[0].has_interval);
  EXPECT_TRUE(result.figures[1].defined);
  EXPECT_FALSE(result.figures[1].has_interval);
  EXPECT_GT(result.figures[1].undefined_samples, 100);
  EXPECT_NE(result.figures[1].estimate(20, result.method).method.find("not defined in"),
            std::string::npos);
}

TEST(Bootstrap, NumbersPatientsInOrderOfAppearance) {
  const std::vector<std::string> ids{"P7", "P1", "P7", "P2"};
  EXPECT_EQ(number_clusters(ids), (std::vector<int32_t>{0, 1, 0, 2}));
}

}  // namespace
}  // namespace gantry
