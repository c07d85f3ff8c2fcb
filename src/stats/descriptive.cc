#include "stats/descriptive.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/distributions.h"

namespace gantry {
namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return std::nan("");
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> sorted_copy(std::span<const double> values) {
  std::vector<double> out(values.begin(), values.end());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

double sample_quantile(std::span<const double> values, double q) {
  return quantile_of_sorted(sorted_copy(values), q);
}

Quartiles quartiles(std::span<const double> values) {
  const auto sorted = sorted_copy(values);
  Quartiles out;
  out.n = static_cast<int64_t>(sorted.size());
  for (double v : sorted) out.total += v;
  out.mean = sorted.empty() ? std::nan("") : out.total / static_cast<double>(sorted.size());
  out.lowest = quantile_of_sorted(sorted, 0);
  out.first = quantile_of_sorted(sorted, 0.25);
  out.median = quantile_of_sorted(sorted, 0.5);
  out.third = quantile_of_sorted(sorted, 0.75);
  out.highest = quantile_of_sorted(sorted, 1);
  return out;
}

Estimate median_estimate(std::span<const double> values, double level) {
  const auto sorted = sorted_copy(values);
  const auto n = static_cast<int64_t>(sorted.size());
  Estimate e = point_estimate(quantile_of_sorted(sorted, 0.5), n, "order statistics (binomial)");
  if (!e.defined) return e;
  // The largest k with P(X < k) <= (1 - level) / 2 for X ~ binomial(n, 1/2); the interval runs from
  // the k-th smallest to the k-th largest value.
  int64_t k = 0;
  while (k + 1 <= n / 2 && binomial_cdf(k, n, 0.5) <= (1 - level) / 2) ++k;
  if (k == 0) return e;
  e.lower = sorted[static_cast<size_t>(k - 1)];
  e.upper = sorted[static_cast<size_t>(n - k)];
  e.has_interval = true;
  return e;
}

}  // namespace gantry
