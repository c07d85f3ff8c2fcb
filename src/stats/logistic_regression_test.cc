#include "stats/logistic_regression.h"

#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "stats/lbfgs.h"
#include "stats/oracle_test.h"

namespace gantry {
namespace {

SparseRows sparse_rows(const nlohmann::json& rows, int64_t columns) {
  SparseRows result;
  result.columns = columns;
  for (const auto& row : rows) {
    result.add({row[0].get<std::vector<int32_t>>(), row[1].get<std::vector<double>>()});
  }
  return result;
}

TEST(LogisticRegression, MatchesScikitLearn) {
  for (const auto& c : oracle("logistic_regression.json")) {
    const SparseRows rows = sparse_rows(c["rows"], c["features"]);
    const std::vector<int> labels = c["labels"];
    const auto model = LogisticRegression::fit(
        rows, labels, c["classes"],
        {.c = c["c"], .balanced = c["balanced"], .gradient_tolerance = 1e-11});
    EXPECT_TRUE(model.converged) << c["name"];
    const std::vector<double> weight = c["weight"], intercept = c["intercept"];
    ASSERT_EQ(model.weight.size(), weight.size());
    for (size_t i = 0; i < weight.size(); ++i) {
      EXPECT_TRUE(close(model.weight[i], weight[i], 1e-6)) << c["name"];
    }
    for (size_t i = 0; i < intercept.size(); ++i) {
      EXPECT_TRUE(close(model.intercept[i], intercept[i], 1e-6)) << c["name"];
    }
    const std::vector<double> probability = c["probability"];
    for (int64_t r = 0; r < rows.rows(); ++r) {
      const std::vector<double> p = model.probabilities(rows.row(r));
      for (int k = 0; k < model.classes; ++k) {
        EXPECT_TRUE(close(p[k], probability[r * model.classes + k], 1e-6)) << c["name"];
      }
    }
  }
}

TEST(LogisticRegression, SameBitsForAnyNumberOfThreads) {
  const auto c = oracle("logistic_regression.json")[3];
  const SparseRows rows = sparse_rows(c["rows"], c["features"]);
  const std::vector<int> labels = c["labels"];
  const int threads = thread_count();
  std::vector<LogisticRegression> models;
  for (int n : {1, 3}) {
    set_thread_count(n);
    models.push_back(LogisticRegression::fit(rows, labels, c["classes"]));
  }
  set_thread_count(threads);
  EXPECT_EQ(models[0].weight, models[1].weight);
}

// Equal columns are fitted as one; each must come out with its share.
TEST(LogisticRegression, EqualColumnsShareTheirWeight) {
  const auto c = oracle("logistic_regression.json")[0];
  const SparseRows rows = sparse_rows(c["rows"], c["features"]);
  const int64_t columns = rows.columns;
  SparseRows twice, scaled;  // every column twice; every column once, sqrt(2) times as large
  twice.columns = 2 * columns;
  scaled.columns = columns;
  for (int64_t r = 0; r < rows.rows(); ++r) {
    SparseRow once = rows.row(r), both = once;
    for (size_t i = 0; i < once.column.size(); ++i) {
      both.column.push_back(once.column[i] + static_cast<int32_t>(columns));
      both.value.push_back(once.value[i]);
    }
    for (double& v : once.value) v *= std::sqrt(2);
    twice.add(both);
    scaled.add(once);
  }
  const std::vector<int> labels = c["labels"];
  const auto a = LogisticRegression::fit(twice, labels, 3, {.gradient_tolerance = 1e-11});
  const auto b = LogisticRegression::fit(scaled, labels, 3, {.gradient_tolerance = 1e-11});
  for (int64_t i = 0; i < columns * 3; ++i) {
    EXPECT_EQ(a.weight[i], a.weight[i + columns * 3]);
    EXPECT_TRUE(close(a.weight[i] * std::sqrt(2), b.weight[i], 1e-8));
  }
}

TEST(LogisticRegression, ContributionsSumToTheLogitAgainstTheMean) {
  const auto c = oracle("logistic_regression.json")[0];
  const SparseRows rows = sparse_rows(c["rows"], c["features"]);
  const auto model =
      LogisticRegression::fit(rows, c["labels"].get<std::vector<int>>(), c["classes"]);
  const std::vector<double> z = model.logits(rows.row(3));
  const double mean = std::accumulate(z.begin(), z.end(), 0.0) / 3;
  const double mean_intercept =
      std::accumulate(model.intercept.begin(), model.intercept.end(), 0.0) / 3;
  for (int k = 0; k < 3; ++k) {
    double sum = model.intercept[k] - mean_intercept;
    for (const Contribution& part : contributions(model, rows.row(3), k)) sum += part.value;
    EXPECT_TRUE(close(sum, z[k] - mean));
  }
}

TEST(LogisticRegression, AClassWithoutACaseIsNeverAnswered) {
  SparseRows rows;
  rows.columns = 1;
  for (int i = 0; i < 6; ++i) rows.add({{0}, {static_cast<double>(i)}});
  const auto model = LogisticRegression::fit(rows, std::vector<int>{0, 0, 0, 2, 2, 2}, 3);
  const std::vector<double> p = model.probabilities({{0}, {1.0}});
  EXPECT_EQ(p[1], 0.0);
  EXPECT_TRUE(close(p[0] + p[2], 1.0));
}

TEST(LogisticRegression, RefusesASingleGroup) {
  SparseRows rows;
  rows.columns = 1;
  rows.add({{0}, {1.0}});
  try {
    LogisticRegression::fit(rows, std::vector<int>{1}, 3);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0651");
  }
}

TEST(Lbfgs, FindsTheFootOfRosenbrocksValley) {
  std::vector<double> x{-1.2, 1, -1.2, 1};
  const LbfgsResult result = minimise_lbfgs(
      [](std::span<const double> x, std::span<double> g) {
        double f = 0;
        for (size_t i = 0; i < x.size(); i += 2) {
          const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
          f += 100 * a * a + b * b;
          g[i] = -400 * a * x[i] - 2 * b;
          g[i + 1] = 200 * a;
        }
        return f;
      },
      x);
  EXPECT_TRUE(result.converged);
  for (double v : x) EXPECT_NEAR(v, 1, 1e-6);
}

}  // namespace
}  // namespace gantry
