#include "stats/proportion.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

Estimate proportion(int64_t count, int64_t n, const char* method) {
  GANTRY_CHECK(count >= 0 && n >= count);
  if (n == 0) return not_defined(0, method);
  Estimate e = point_estimate(static_cast<double>(count) / static_cast<double>(n), n, method);
  e.count = count;
  e.has_interval = true;
  return e;
}

// Score statistic for H0: difference = delta; falls as delta rises (Tango 1998, eq. 5 and 6). b, c:
// discordant pairs of n. Infinite or 0 where the variance is 0.
double tango_score(double b, double c, double n, double delta) {
  const double A = 2 * n, B = -b - c + (2 * n - b + c) * delta, C = -c * delta * (1 - delta);
  const double q21 = (std::sqrt(std::max(0.0, B * B - 4 * A * C)) - B) / (2 * A);
  const double variance = n * (2 * q21 + delta * (1 - delta));
  const double distance = b - c - n * delta;
  if (variance <= 0) return distance == 0 ? 0.0 : std::copysign(INFINITY, distance);
  return distance / std::sqrt(variance);
}

}  // namespace

Estimate wilson(int64_t count, int64_t n, double level) {
  Estimate e = proportion(count, n, "Wilson");
  if (!e.defined) return e;
  const double z = two_sided_z(level), m = static_cast<double>(n), p = e.value;
  const double centre = (p + z * z / (2 * m)) / (1 + z * z / m);
  const double half = z / (1 + z * z / m) * std::sqrt(p * (1 - p) / m + z * z / (4 * m * m));
  // At the ends the limit is 0 or 1 exactly; rounding would leave 1e-17.
  e.lower = count == 0 ? 0.0 : std::max(0.0, centre - half);
  e.upper = count == n ? 1.0 : std::min(1.0, centre + half);
  return e;
}

Estimate clopper_pearson(int64_t count, int64_t n, double level) {
  Estimate e = proportion(count, n, "Clopper-Pearson");
  if (!e.defined) return e;
  const double k = static_cast<double>(count), m = static_cast<double>(n), tail = (1 - level) / 2;
  e.lower = count == 0 ? 0.0 : beta_quantile(tail, k, m - k + 1);
  e.upper = count == n ? 1.0 : beta_quantile(1 - tail, k + 1, m - k);
  return e;
}

double clopper_pearson_upper(int64_t count, int64_t n, double confidence) {
  GANTRY_CHECK(count >= 0 && n >= count && confidence > 0 && confidence < 1);
  if (count == n) return 1;
  return beta_quantile(confidence, static_cast<double>(count + 1), static_cast<double>(n - count));
}

Estimate newcombe_difference(int64_t count1, int64_t n1, int64_t count2, int64_t n2, double level) {
  const Estimate a = wilson(count1, n1, level), b = wilson(count2, n2, level);
  const std::string method = "Newcombe (hybrid score)";
  if (!a.defined || !b.defined) return not_defined(n1 + n2, method);
  Estimate e = point_estimate(a.value - b.value, n1 + n2, method);
  e.lower = e.value - std::hypot(a.value - a.lower, b.upper - b.value);
  e.upper = e.value + std::hypot(a.upper - a.value, b.value - b.lower);
  e.has_interval = true;
  return e;
}

Estimate newcombe_paired_difference(const PairedCounts& pairs, double level) {
  const std::string method = "Newcombe (paired, hybrid score)";
  const int64_t n = pairs.n();
  if (n == 0) return not_defined(0, method);
  const int64_t first = pairs.both + pairs.first_only, second = pairs.both + pairs.second_only;
  const Estimate a = wilson(first, n, level), b = wilson(second, n, level);

  // phi with Newcombe's correction: the numerator is drawn n/2 towards 0 when it is positive.
  const double e_ = static_cast<double>(pairs.both), f = static_cast<double>(pairs.first_only);
  const double g = static_cast<double>(pairs.second_only), h = static_cast<double>(pairs.neither);
  const double margins = (e_ + f) * (g + h) * (e_ + g) * (f + h);
  const double cross = e_ * h - f * g, half_n = static_cast<double>(n) / 2;
  double numerator = cross;
  if (cross > half_n)
    numerator = cross - half_n;
  else if (cross >= 0)
    numerator = 0;
  const double phi = margins > 0 ? numerator / std::sqrt(margins) : 0;

  const double dl1 = a.value - a.lower, du1 = a.upper - a.value;
  const double dl2 = b.value - b.lower, du2 = b.upper - b.value;
  Estimate e = point_estimate(a.value - b.value, n, method);
  e.lower = e.value - std::sqrt(std::max(0.0, dl1 * dl1 - 2 * phi * dl1 * du2 + du2 * du2));
  e.upper = e.value + std::sqrt(std::max(0.0, du1 * du1 - 2 * phi * du1 * dl2 + dl2 * dl2));
  e.has_interval = true;
  return e;
}

Estimate tango_paired_difference(const PairedCounts& pairs, double level) {
  const std::string method = "Tango (paired score)";
  const int64_t total = pairs.n();
  if (total == 0) return not_defined(0, method);
  const double n = static_cast<double>(total), b = static_cast<double>(pairs.first_only),
               c = static_cast<double>(pairs.second_only);
  const double z = two_sided_z(level);
  const auto score = [&](double delta) { return tango_score(b, c, n, delta); };
  const auto root = [&](double target, double low, double high) {  // score(low) >= target
    for (int i = 0; i < 200 && high - low > 1e-15; ++i) {
      const double middle = (low + high) / 2;
      (score(middle) >= target ? low : high) = middle;
    }
    return (low + high) / 2;
  };
  Estimate e = point_estimate((b - c) / n, total, method);
  e.lower = root(z, -1, e.value);
  e.upper = root(-z, e.value, 1);
  e.has_interval = true;
  return e;
}

TestResult tango_noninferiority(const PairedCounts& pairs, double margin) {
  TestResult out;
  out.method = "non-inferiority, Tango's score, one-sided";
  out.n = pairs.n();
  if (out.n == 0) return out;
  out.statistic =
      tango_score(static_cast<double>(pairs.first_only), static_cast<double>(pairs.second_only),
                  static_cast<double>(out.n), -margin);
  out.defined = std::isfinite(out.statistic);
  if (out.defined) out.p = normal_sf(out.statistic);
  return out;
}

}  // namespace gantry
