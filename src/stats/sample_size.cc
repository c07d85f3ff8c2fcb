#include "stats/sample_size.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

double wilson_half_width(double p, double n, double z) {
  return z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
}

}  // namespace

int64_t sample_size_wilson(double expected, double half_width, double level) {
  GANTRY_CHECK(expected >= 0 && expected <= 1 && half_width > 0 && half_width < 1);
  const double z = two_sided_z(level);
  const auto fits = [&](int64_t n) {
    return wilson_half_width(expected, static_cast<double>(n), z) <= half_width;
  };
  int64_t high = 1;
  while (!fits(high)) high *= 2;
  int64_t low = high / 2;  // does not fit (or is 0)
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return high;
}

int64_t sample_size_wald(double expected, double half_width, double level) {
  GANTRY_CHECK(expected >= 0 && expected <= 1 && half_width > 0);
  const double z = two_sided_z(level);
  const double n = z * z * expected * (1 - expected) / (half_width * half_width);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(n - 1e-9)));
}

int64_t sample_size_mcnemar(double first_only, double second_only, double power, double alpha) {
  GANTRY_CHECK(first_only >= 0 && second_only >= 0 && first_only + second_only <= 1);
  GANTRY_CHECK(first_only != second_only && power > 0 && power < 1);
  const double s = first_only + second_only, d = first_only - second_only;
  const double root = two_sided_z(1 - alpha) * std::sqrt(s) +
                      normal_quantile(power) * std::sqrt(std::max(0.0, s - d * d));
  return static_cast<int64_t>(std::ceil(root * root / (d * d) - 1e-9));
}

double power_mcnemar_exact(double first_only, double second_only, int64_t pairs, double alpha) {
  GANTRY_CHECK(first_only >= 0 && second_only >= 0 && first_only + second_only <= 1 && pairs >= 0);
  const double discordant = first_only + second_only;
  if (discordant == 0) return 0;
  const double share = first_only / discordant;
  double power = 0;
  int64_t critical = -1;  // largest smaller count that rejects; it only grows with m
  for (int64_t m = 0; m <= pairs; ++m) {
    while (2 * (critical + 1) < m && 2 * binomial_cdf(critical + 1, m, 0.5) <= alpha) ++critical;
    while (critical >= 0 && 2 * binomial_cdf(critical, m, 0.5) > alpha) --critical;
    if (critical < 0) continue;
    const double rejects = binomial_cdf(critical, m, share) + binomial_cdf(critical, m, 1 - share);
    power += binomial_pmf(m, pairs, discordant) * rejects;
  }
  return power;
}

}  // namespace gantry
