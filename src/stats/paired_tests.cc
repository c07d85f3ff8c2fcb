#include "stats/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

TestResult chi_squared_test(double statistic, double degrees_of_freedom, int64_t n,
                            const char* method) {
  TestResult t;
  t.statistic = statistic;
  t.degrees_of_freedom = degrees_of_freedom;
  t.p = chi_squared_sf(statistic, degrees_of_freedom);
  t.n = n;
  t.method = method;
  t.defined = true;
  return t;
}

TestResult undefined_test(int64_t n, const char* method) {
  TestResult t;
  t.n = n;
  t.method = method;
  return t;
}

TestResult mcnemar_exact(int64_t b, int64_t c, bool mid) {
  TestResult t = undefined_test(b + c, mid ? "McNemar (mid-p)" : "McNemar (exact)");
  const int64_t k = std::min(b, c), n = b + c;
  t.statistic = static_cast<double>(k);
  t.exact = t.defined = true;
  if (n == 0) return t;  // nothing speaks against equality: p = 1
  const double seen = binomial_pmf(k, n, 0.5);
  if (b == c) {
    t.p = mid ? 1 - seen / 2 : 1;
  } else {
    t.p = std::min(1.0, 2 * binomial_cdf(k, n, 0.5)) - (mid ? seen : 0);
  }
  return t;
}

// Solves a x = y for a symmetric positive definite matrix by Gaussian elimination with pivoting.
// False when the matrix is singular to rounding.
bool solve(std::vector<std::vector<double>> a, std::vector<double> y, std::vector<double>& x) {
  const size_t n = y.size();
  double scale = 0;
  for (size_t i = 0; i < n; ++i) scale = std::max(scale, std::fabs(a[i][i]));
  for (size_t column = 0; column < n; ++column) {
    size_t pivot = column;
    for (size_t r = column + 1; r < n; ++r) {
      if (std::fabs(a[r][column]) > std::fabs(a[pivot][column])) pivot = r;
    }
    if (std::fabs(a[pivot][column]) <= 1e-12 * scale) return false;
    std::swap(a[pivot], a[column]);
    std::swap(y[pivot], y[column]);
    for (size_t r = column + 1; r < n; ++r) {
      const double factor = a[r][column] / a[column][column];
      for (size_t c = column; c < n; ++c) a[r][c] -= factor * a[column][c];
      y[r] -= factor * y[column];
    }
  }
  x.assign(n, 0);
  for (size_t i = n; i-- > 0;) {
    double sum = y[i];
    for (size_t c = i + 1; c < n; ++c) sum -= a[i][c] * x[c];
    x[i] = sum / a[i][i];
  }
  return true;
}

}  // namespace

TestResult mcnemar(int64_t first_only, int64_t second_only, McnemarMethod method) {
  GANTRY_CHECK(first_only >= 0 && second_only >= 0);
  if (method == McnemarMethod::kExact || method == McnemarMethod::kMidP) {
    return mcnemar_exact(first_only, second_only, method == McnemarMethod::kMidP);
  }
  const bool corrected = method == McnemarMethod::kChiSquaredCorrected;
  const char* name = corrected ? "McNemar (chi-squared, corrected)" : "McNemar (chi-squared)";
  const int64_t n = first_only + second_only;
  if (n == 0) return undefined_test(0, name);
  const double difference = std::fabs(static_cast<double>(first_only - second_only));
  const double distance = corrected ? std::max(0.0, difference - 1) : difference;
  return chi_squared_test(distance * distance / static_cast<double>(n), 1, n, name);
}

TestResult cochran_q(int readers, std::span<const uint8_t> yes) {
  GANTRY_CHECK(readers >= 2 && yes.size() % static_cast<size_t>(readers) == 0);
  const int64_t n = static_cast<int64_t>(yes.size()) / readers;
  const double k = readers;
  std::vector<double> of_reader(readers);
  double all = 0, row_squares = 0, reader_squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    double row = 0;
    for (int r = 0; r < readers; ++r) {
      const double one = yes[i * readers + r] ? 1 : 0;
      of_reader[r] += one;
      row += one;
    }
    all += row;
    row_squares += row * row;
  }
  for (double g : of_reader) reader_squares += g * g;
  const double denominator = k * all - row_squares;
  if (!(denominator > 0)) return undefined_test(n, "Cochran's Q");
  return chi_squared_test((k - 1) * (k * reader_squares - all * all) / denominator, k - 1, n,
                          "Cochran's Q");
}

TestResult bowker(const ConfusionMatrix& table) {
  double statistic = 0, pairs = 0;
  for (int i = 0; i < table.classes(); ++i) {
    for (int j = i + 1; j < table.classes(); ++j) {
      const double sum = table.at(i, j) + table.at(j, i);
      if (!(sum > 0)) continue;
      const double difference = table.at(i, j) - table.at(j, i);
      statistic += difference * difference / sum;
      pairs += 1;
    }
  }
  const auto n = static_cast<int64_t>(table.total());
  if (pairs == 0) return undefined_test(n, "Bowker");
  return chi_squared_test(statistic, pairs, n, "Bowker");
}

TestResult stuart_maxwell(const ConfusionMatrix& table) {
  const auto n = static_cast<int64_t>(table.total());
  std::vector<int> used;
  for (int c = 0; c < table.classes(); ++c) {
    if (table.with_truth(c) + table.with_predicted(c) - 2 * table.at(c, c) > 0) used.push_back(c);
  }
  if (used.size() < 2) return undefined_test(n, "Stuart-Maxwell");
  used.pop_back();  // the differences sum to 0: the last one says nothing new
  const size_t k = used.size();
  std::vector<double> d(k), x;
  std::vector<std::vector<double>> s(k, std::vector<double>(k));
  for (size_t i = 0; i < k; ++i) {
    const int a = used[i];
    d[i] = table.with_truth(a) - table.with_predicted(a);
    for (size_t j = 0; j < k; ++j) {
      const int b = used[j];
      s[i][j] = i == j ? table.with_truth(a) + table.with_predicted(a) - 2 * table.at(a, a)
                       : -(table.at(a, b) + table.at(b, a));
    }
  }
  if (!solve(s, d, x)) return undefined_test(n, "Stuart-Maxwell");
  double statistic = 0;
  for (size_t i = 0; i < k; ++i) statistic += d[i] * x[i];
  return chi_squared_test(statistic, static_cast<double>(k), n, "Stuart-Maxwell");
}

}  // namespace gantry
