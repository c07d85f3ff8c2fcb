#include "stats/wilcoxon.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

constexpr int64_t kLargestExact = 50;  // 2^50 sums still count exactly in a double

struct Ranks {
  double positive = 0, negative = 0;
  int64_t n = 0;      // ranked pairs, zeros included where the rule ranks them
  int64_t zeros = 0;  // of the ranked pairs
  double mean = 0, variance = 0;
  bool ties = false;
};

Ranks rank_differences(std::span<const double> differences, ZeroRule rule) {
  std::vector<double> d;
  for (double x : differences) {
    if (x != 0 || rule != ZeroRule::kWilcox) d.push_back(x);
  }
  std::sort(d.begin(), d.end(), [](double a, double b) { return std::fabs(a) < std::fabs(b); });
  Ranks r;
  r.n = static_cast<int64_t>(d.size());
  double tie_sum = 0;
  for (size_t i = 0; i < d.size();) {
    size_t end = i;
    while (end < d.size() && std::fabs(d[end]) == std::fabs(d[i])) ++end;
    const double rank = 0.5 * static_cast<double>(i + end + 1), t = static_cast<double>(end - i);
    if (d[i] == 0) {
      r.zeros = static_cast<int64_t>(t);
      if (rule == ZeroRule::kZsplit) {
        r.positive += rank * t / 2;
        r.negative += rank * t / 2;
      }
    }
    if (t > 1) r.ties = true;
    if (d[i] != 0 || rule != ZeroRule::kPratt) tie_sum += t * t * t - t;
    for (; i < end; ++i) {
      if (d[i] > 0) r.positive += rank;
      if (d[i] < 0) r.negative += rank;
    }
  }
  const double n = static_cast<double>(r.n), z = static_cast<double>(r.zeros);
  r.mean = n * (n + 1) / 4;
  double scaled = n * (n + 1) * (2 * n + 1);
  if (rule == ZeroRule::kPratt) {  // Cureton, J Am Stat Assoc 1967;62:1068
    r.mean -= z * (z + 1) / 4;
    scaled -= z * (z + 1) * (2 * z + 1);
  }
  r.variance = (scaled - tie_sum / 2) / 24;
  return r;
}

// cumulative[w] = P(sum of positive ranks <= w) for ranks 1..n without ties.
std::vector<double> signed_rank_cdf(int64_t n) {
  const int64_t most = n * (n + 1) / 2;
  std::vector<double> ways(most + 1);
  ways[0] = 1;
  for (int64_t rank = 1; rank <= n; ++rank) {
    for (int64_t w = rank * (rank + 1) / 2; w >= rank; --w) ways[w] += ways[w - rank];
  }
  std::partial_sum(ways.begin(), ways.end(), ways.begin());
  for (double& w : ways) w = std::ldexp(w, static_cast<int>(-n));
  return ways;
}

double exact_p(const Ranks& r, Alternative alternative) {
  const std::vector<double> cdf = signed_rank_cdf(r.n);
  const auto at_most = [&](double w) {
    const int64_t k = static_cast<int64_t>(std::floor(w));
    return k < 0 ? 0.0 : cdf[std::min<int64_t>(k, static_cast<int64_t>(cdf.size()) - 1)];
  };
  const double less = at_most(r.positive), greater = 1 - at_most(std::ceil(r.positive) - 1);
  if (alternative == Alternative::kLess) return less;
  if (alternative == Alternative::kGreater) return greater;
  return std::min(1.0, 2 * std::min(less, greater));
}

double normal_p(const Ranks& r, const SignedRankOptions& options) {
  const double se = std::sqrt(r.variance);
  double z = (r.positive - r.mean) / se;
  if (options.continuity_correction) {
    const double side = options.alternative == Alternative::kGreater ? 1
                        : options.alternative == Alternative::kLess  ? -1
                        : z > 0                                      ? 1
                        : z < 0                                      ? -1
                                                                     : 0;
    z -= side * 0.5 / se;
  }
  if (options.alternative == Alternative::kGreater) return normal_sf(z);
  if (options.alternative == Alternative::kLess) return normal_cdf(z);
  return 2 * normal_sf(std::fabs(z));
}

// How many Walsh averages of the ascending d are at most t.
int64_t walsh_at_most(std::span<const double> d, double t) {
  int64_t count = 0;
  size_t j = d.size();
  for (size_t i = 0; i < d.size(); ++i) {
    while (j > 0 && 0.5 * (d[i] + d[j - 1]) > t) --j;
    if (j <= i) break;
    count += static_cast<int64_t>(j - i);
  }
  return count;
}

// The k-th smallest (from 1) Walsh average, by halving the range until two neighbouring doubles are
// left: the n (n + 1) / 2 averages are never laid out.
double walsh_order_statistic(std::span<const double> d, int64_t k) {
  double low = d.front(), high = d.back();
  if (walsh_at_most(d, low) >= k) return low;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return high;
    (walsh_at_most(d, middle) >= k ? high : low) = middle;
  }
}

// Largest k such that the k-th smallest and k-th largest average bound the interval.
int64_t interval_order(std::span<const double> differences, double level) {
  const int64_t n = static_cast<int64_t>(differences.size());
  const double tail = (1 - level) / 2;
  if (n <= kLargestExact) {
    const std::vector<double> cdf = signed_rank_cdf(n);
    const auto first = std::lower_bound(cdf.begin(), cdf.end(), tail * (1 - 1e-12));
    return std::max<int64_t>(1, first - cdf.begin());  // R's qsignrank, raised to 1
  }
  const Ranks r = rank_differences(differences, ZeroRule::kWilcox);
  if (!(r.variance > 0)) return 1;
  const double m = static_cast<double>(n);
  const double k = m * (m + 1) / 4 - two_sided_z(level) * std::sqrt(r.variance);
  return std::max<int64_t>(1, static_cast<int64_t>(std::floor(k)));
}

}  // namespace

TestResult signed_rank(std::span<const double> differences, const SignedRankOptions& options) {
  const Ranks r = rank_differences(differences, options.zeros);
  TestResult t;
  t.n = r.n;
  const bool clean = !r.ties && r.zeros == 0;
  t.exact = options.method == SignedRankMethod::kExact ||
            (options.method == SignedRankMethod::kAuto && clean && r.n <= kLargestExact);
  t.method =
      t.exact ? "Wilcoxon signed-rank (exact)" : "Wilcoxon signed-rank (normal, tie correction)";
  t.statistic =
      options.alternative == Alternative::kTwoSided ? std::min(r.positive, r.negative) : r.positive;
  if (r.n == 0 || r.zeros == r.n || (!t.exact && !(r.variance > 0))) return t;
  GANTRY_CHECK_MSG(!t.exact || r.n <= 1000, "the exact distribution needs n <= 1000");
  t.p = t.exact ? exact_p(r, options.alternative) : normal_p(r, options);
  t.defined = true;
  return t;
}

TestResult signed_rank(std::span<const double> first, std::span<const double> second,
                       const SignedRankOptions& options) {
  GANTRY_CHECK(first.size() == second.size());
  std::vector<double> d(first.size());
  for (size_t i = 0; i < d.size(); ++i) d[i] = first[i] - second[i];
  return signed_rank(d, options);
}

Estimate hodges_lehmann(std::span<const double> differences, double level) {
  const int64_t n = static_cast<int64_t>(differences.size());
  const std::string method =
      n <= kLargestExact ? "Hodges-Lehmann (exact signed-rank)" : "Hodges-Lehmann (normal)";
  if (n == 0) return not_defined(0, method);
  std::vector<double> d(differences.begin(), differences.end());
  std::sort(d.begin(), d.end());
  const int64_t averages = n * (n + 1) / 2;
  const double below = walsh_order_statistic(d, (averages + 1) / 2);
  const double above = averages % 2 == 1 ? below : walsh_order_statistic(d, averages / 2 + 1);
  Estimate e = point_estimate(0.5 * (below + above), n, method);
  // Fewer pairs cannot reach the level: at n = 5 the widest two-sided interval has 93.75 %.
  if (std::ldexp(1.0, 1 - static_cast<int>(std::min<int64_t>(n, 1000))) > 1 - level) return e;
  const int64_t k = interval_order(d, level);
  e.lower = walsh_order_statistic(d, k);
  e.upper = walsh_order_statistic(d, averages + 1 - k);
  e.has_interval = true;
  return e;
}

}  // namespace gantry
