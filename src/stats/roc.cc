#include "stats/roc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();

std::vector<size_t> by_falling_score(std::span<const double> score) {
  std::vector<size_t> order(score.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return score[a] > score[b]; });
  return order;
}

// Calls visit(threshold, weight of positives, weight of negatives) for each distinct score,
// falling.
template <typename Visit>
void each_threshold(std::span<const double> score, std::span<const uint8_t> positive,
                    std::span<const double> weight, const Visit& visit) {
  GANTRY_CHECK(score.size() == positive.size());
  GANTRY_CHECK(weight.empty() || weight.size() == score.size());
  const std::vector<size_t> order = by_falling_score(score);
  for (size_t i = 0; i < order.size();) {
    const double threshold = score[order[i]];
    double positives = 0, negatives = 0;
    for (; i < order.size() && score[order[i]] == threshold; ++i) {
      (positive[order[i]] ? positives : negatives) += weight.empty() ? 1 : weight[order[i]];
    }
    visit(threshold, positives, negatives);
  }
}

// Rank of each value among all, ties given their mean rank (first rank 1).
std::vector<double> midranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> rank(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double mean = 0.5 * static_cast<double>(i + end + 1);
    for (; i < end; ++i) rank[order[i]] = mean;
  }
  return rank;
}

// DeLong's structural components ("placements"): for each positive the share of negatives below it,
// for each negative the share of positives above it.
struct Placements {
  double area = kNotDefined;
  std::vector<double> of_positive, of_negative;
};

Placements placements(std::span<const double> score, std::span<const uint8_t> positive) {
  GANTRY_CHECK(score.size() == positive.size());
  std::vector<double> x, y;
  for (size_t i = 0; i < score.size(); ++i) (positive[i] ? x : y).push_back(score[i]);
  Placements result;
  if (x.empty() || y.empty()) return result;
  const std::vector<double> all = midranks(score), rx = midranks(x), ry = midranks(y);
  const double m = static_cast<double>(x.size()), n = static_cast<double>(y.size());
  size_t ix = 0, iy = 0;
  for (size_t i = 0; i < score.size(); ++i) {
    if (positive[i]) {
      result.of_positive.push_back((all[i] - rx[ix++]) / n);
    } else {
      result.of_negative.push_back(1 - (all[i] - ry[iy++]) / m);
    }
  }
  result.area = std::accumulate(result.of_positive.begin(), result.of_positive.end(), 0.0) / m;
  return result;
}

// Sample covariance (n - 1); NaN for fewer than two values.
double covariance(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size());
  if (a.size() < 2) return kNotDefined;
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / (n - 1);
}

double delong_covariance(const Placements& a, const Placements& b) {
  return covariance(a.of_positive, b.of_positive) / static_cast<double>(a.of_positive.size()) +
         covariance(a.of_negative, b.of_negative) / static_cast<double>(a.of_negative.size());
}

Estimate delong_estimate(const Placements& p, int64_t n, double level, AucScale scale) {
  const char* method = scale == AucScale::kPlain ? "DeLong" : "DeLong (logit)";
  const double variance = std::isnan(p.area) ? kNotDefined : delong_covariance(p, p);
  if (!(variance > 0)) return point_estimate(p.area, n, method);
  const double se = std::sqrt(variance);
  if (scale == AucScale::kPlain) return wald_estimate(p.area, se, n, method, 0, 1, level);
  if (p.area <= 0 || p.area >= 1) return point_estimate(p.area, n, method);
  const auto expit = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double centre = std::log(p.area / (1 - p.area));
  const double half = two_sided_z(level) * se / (p.area * (1 - p.area));
  Estimate e = point_estimate(p.area, n, method);
  e.lower = expit(centre - half);
  e.upper = expit(centre + half);
  e.has_interval = true;
  return e;
}

}  // namespace

double auc(std::span<const double> score, std::span<const uint8_t> positive,
           std::span<const double> weight) {
  double positives = 0, negatives = 0, lost = 0;  // lost: pairs with the negative above
  each_threshold(score, positive, weight, [&](double, double p, double n) {
    lost += p * (negatives + n / 2);
    positives += p;
    negatives += n;
  });
  if (!(positives > 0) || !(negatives > 0)) return kNotDefined;
  return 1 - lost / (positives * negatives);
}

Estimate auc_delong(std::span<const double> score, std::span<const uint8_t> positive, double level,
                    AucScale scale) {
  return delong_estimate(placements(score, positive), static_cast<int64_t>(score.size()), level,
                         scale);
}

AucComparison auc_compare(std::span<const double> first, std::span<const double> second,
                          std::span<const uint8_t> positive, double level) {
  GANTRY_CHECK(first.size() == second.size());
  const int64_t n = static_cast<int64_t>(first.size());
  const Placements a = placements(first, positive), b = placements(second, positive);
  AucComparison result;
  result.first = delong_estimate(a, n, level, AucScale::kPlain);
  result.second = delong_estimate(b, n, level, AucScale::kPlain);
  result.test.method = "DeLong (paired)";
  result.test.n = n;
  result.difference = not_defined(n, "DeLong (paired)");
  if (!result.first.defined) return result;
  const double variance =
      delong_covariance(a, a) + delong_covariance(b, b) - 2 * delong_covariance(a, b);
  const double difference = a.area - b.area;
  result.difference = point_estimate(difference, n, "DeLong (paired)");
  // Equal rankings leave rounding noise for a variance.
  if (!(variance > 1e-18)) return result;
  const double se = std::sqrt(variance);
  result.difference = wald_estimate(difference, se, n, "DeLong (paired)", -1, 1, level);
  result.test.statistic = difference / se;
  result.test.p = 2 * normal_sf(std::fabs(result.test.statistic));
  result.test.defined = true;
  return result;
}

MulticlassAuc multiclass_auc(int classes, std::span<const double> probability,
                             std::span<const int> truth) {
  GANTRY_CHECK(classes > 0 && probability.size() == truth.size() * static_cast<size_t>(classes));
  MulticlassAuc result;
  result.one_vs_rest.assign(classes, kNotDefined);
  result.one_vs_one.assign(static_cast<size_t>(classes) * classes, kNotDefined);
  double sum = 0, weighted = 0, support = 0, pair_sum = 0;
  int used = 0, pairs = 0;
  std::vector<double> score;
  std::vector<uint8_t> positive;
  for (int a = 0; a < classes; ++a) {
    for (int b = -1; b < classes; ++b) {  // -1: a against the rest
      if (a == b) continue;
      score.clear();
      positive.clear();
      for (size_t i = 0; i < truth.size(); ++i) {
        if (b >= 0 && truth[i] != a && truth[i] != b) continue;
        score.push_back(probability[i * classes + a]);
        positive.push_back(truth[i] == a);
      }
      const double area = auc(score, positive);
      if (b >= 0) {
        result.one_vs_one[a * classes + b] = area;
        if (!std::isnan(area)) {
          pair_sum += area;
          ++pairs;
        }
      } else {
        result.one_vs_rest[a] = area;
        if (!std::isnan(area)) {
          const double cases =
              static_cast<double>(std::count(positive.begin(), positive.end(), uint8_t{1}));
          sum += area;
          ++used;
          weighted += cases * area;
          support += cases;
        }
      }
    }
  }
  result.macro_one_vs_rest = used > 0 ? sum / used : kNotDefined;
  result.weighted_one_vs_rest = used > 0 ? weighted / support : kNotDefined;
  result.macro_one_vs_one = pairs > 0 ? pair_sum / pairs : kNotDefined;
  return result;
}

double average_precision(std::span<const double> score, std::span<const uint8_t> positive,
                         std::span<const double> weight) {
  double hits = 0, seen = 0, sum = 0;
  each_threshold(score, positive, weight, [&](double, double p, double n) {
    hits += p;
    seen += p + n;
    if (p > 0) sum += p * hits / seen;
  });
  return hits > 0 ? sum / hits : kNotDefined;
}

std::vector<RocPoint> roc_curve(std::span<const double> score, std::span<const uint8_t> positive) {
  double positives = 0, negatives = 0;
  std::vector<RocPoint> curve{{INFINITY, 0, 0}};
  each_threshold(score, positive, {}, [&](double threshold, double p, double n) {
    positives += p;
    negatives += n;
    curve.push_back({threshold, negatives, positives});
  });
  if (positives == 0 || negatives == 0) return {};
  for (RocPoint& point : curve) {
    point.false_positive_rate /= negatives;
    point.sensitivity /= positives;
  }
  return curve;
}

std::vector<PrecisionRecallPoint> precision_recall_curve(std::span<const double> score,
                                                         std::span<const uint8_t> positive) {
  double hits = 0, seen = 0;
  std::vector<PrecisionRecallPoint> curve;
  each_threshold(score, positive, {}, [&](double threshold, double p, double n) {
    hits += p;
    seen += p + n;
    curve.push_back({threshold, hits / seen, hits});
  });
  if (hits == 0) return {};
  for (PrecisionRecallPoint& point : curve) point.recall /= hits;
  return curve;
}

}  // namespace gantry
