#include "stats/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallest = std::numeric_limits<double>::epsilon();  // as scikit-learn's log_loss

double logit(double p) {
  p = std::clamp(p, kSmallest, 1 - kSmallest);
  return std::log(p / (1 - p));
}

int bin_of(double p, int bins) {
  int b = std::clamp(static_cast<int>(std::ceil(p * bins)) - 1, 0, bins - 1);
  // p * bins rounds; the edges are k / bins.
  while (b > 0 && p <= static_cast<double>(b) / bins) --b;
  while (b + 1 < bins && p > static_cast<double>(b + 1) / bins) ++b;
  return b;
}

// Maximum likelihood of logit P = intercept + slope * x (+ offset) by Newton's method with halving.
// Empty when it does not converge: separable data.
struct Line {
  double intercept = 0, slope = 0;
  double variance_intercept = 0, variance_slope = 0;
};

double line_log_likelihood(std::span<const double> x, std::span<const uint8_t> y, double a,
                           double b) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double eta = a + b * x[i], s = y[i] ? eta : -eta;
    sum -= s > 0 ? std::log1p(std::exp(-s)) : std::log1p(std::exp(s)) - s;
  }
  return sum;
}

std::optional<Line> fit_line(std::span<const double> x, std::span<const uint8_t> y,
                             bool slope_is_one) {
  Line line;
  line.slope = slope_is_one ? 1 : 0;
  double now = line_log_likelihood(x, y, line.intercept, line.slope);
  for (int iteration = 0; iteration < 200; ++iteration) {
    double g0 = 0, g1 = 0, h00 = 0, h01 = 0, h11 = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double p = 1 / (1 + std::exp(-(line.intercept + line.slope * x[i])));
      const double w = p * (1 - p), r = (y[i] ? 1 : 0) - p;
      g0 += r;
      g1 += r * x[i];
      h00 += w;
      h01 += w * x[i];
      h11 += w * x[i] * x[i];
    }
    const double determinant = slope_is_one ? h00 : h00 * h11 - h01 * h01;
    if (!(determinant > 1e-12 * (slope_is_one ? 1 : h00 * h11))) return std::nullopt;
    double da, db = 0;
    if (slope_is_one) {
      da = g0 / h00;
      line.variance_intercept = 1 / h00;
    } else {
      da = (h11 * g0 - h01 * g1) / determinant;
      db = (h00 * g1 - h01 * g0) / determinant;
      line.variance_intercept = h11 / determinant;
      line.variance_slope = h00 / determinant;
    }
    if (std::fabs(da) + std::fabs(db) <
        1e-12 * (1 + std::fabs(line.intercept) + std::fabs(line.slope))) {
      return line;
    }
    double step = 1, next = 0;
    for (; step > 1e-10; step /= 2) {
      next = line_log_likelihood(x, y, line.intercept + step * da, line.slope + step * db);
      if (next >= now - 1e-13 * std::fabs(now)) break;
    }
    line.intercept += step * da;
    line.slope += step * db;
    now = next;
    if (std::fabs(line.intercept) > 1e6 || std::fabs(line.slope) > 1e6) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

double brier(int classes, std::span<const double> probability, std::span<const int> truth) {
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += brier_one_vs_rest(classes, c, probability, truth);
  return sum;
}

double brier_one_vs_rest(int classes, int c, std::span<const double> probability,
                         std::span<const int> truth) {
  GANTRY_CHECK(probability.size() == truth.size() * static_cast<size_t>(classes));
  if (truth.empty()) return kNotDefined;
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double d = probability[i * classes + c] - (truth[i] == c ? 1 : 0);
    sum += d * d;
  }
  return sum / static_cast<double>(truth.size());
}

double log_loss(int classes, std::span<const double> probability, std::span<const int> truth) {
  GANTRY_CHECK(probability.size() == truth.size() * static_cast<size_t>(classes));
  if (truth.empty()) return kNotDefined;
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    sum -= std::log(std::clamp(probability[i * classes + truth[i]], kSmallest, 1.0));
  }
  return sum / static_cast<double>(truth.size());
}

std::vector<int32_t> assign_bins(std::span<const double> probability, int bins, Binning binning) {
  GANTRY_CHECK(bins > 0);
  const size_t n = probability.size();
  std::vector<int32_t> bin(n);
  if (binning == Binning::kEqualWidth) {
    for (size_t i = 0; i < n; ++i) bin[i] = bin_of(probability[i], bins);
    return bin;
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return probability[a] < probability[b]; });
  int32_t current = 0;
  for (size_t i = 0; i < n; ++i) {
    const bool tied = i > 0 && probability[order[i]] == probability[order[i - 1]];
    if (!tied) current = static_cast<int32_t>(i * bins / n);
    bin[order[i]] = current;
  }
  return bin;
}

std::vector<ReliabilityBin> reliability_bins(std::span<const double> probability,
                                             std::span<const uint8_t> happened, int bins,
                                             Binning binning) {
  GANTRY_CHECK(probability.size() == happened.size());
  const std::vector<int32_t> bin_of_case = assign_bins(probability, bins, binning);
  std::vector<ReliabilityBin> result(bins);
  std::vector<int64_t> events(bins);
  for (size_t i = 0; i < probability.size(); ++i) {
    const double p = probability[i];
    ReliabilityBin& bin = result[bin_of_case[i]];
    if (bin.n == 0) bin.low = bin.high = p;
    bin.low = std::min(bin.low, p);
    bin.high = std::max(bin.high, p);
    ++bin.n;
    bin.mean_probability += p;
    events[bin_of_case[i]] += happened[i] ? 1 : 0;
  }
  for (int b = 0; b < bins; ++b) {
    if (binning == Binning::kEqualWidth) {
      result[b].low = static_cast<double>(b) / bins;
      result[b].high = static_cast<double>(b + 1) / bins;
    }
    if (result[b].n > 0) result[b].mean_probability /= static_cast<double>(result[b].n);
    result[b].observed = wilson(events[b], result[b].n);
  }
  if (binning == Binning::kEqualCount) {
    std::erase_if(result, [](const ReliabilityBin& bin) { return bin.n == 0; });
  }
  return result;
}

double expected_calibration_error(std::span<const ReliabilityBin> bins) {
  double sum = 0;
  int64_t n = 0;
  for (const ReliabilityBin& bin : bins) {
    if (bin.n == 0) continue;
    sum += static_cast<double>(bin.n) * std::fabs(bin.observed.value - bin.mean_probability);
    n += bin.n;
  }
  return n > 0 ? sum / static_cast<double>(n) : kNotDefined;
}

double maximum_calibration_error(std::span<const ReliabilityBin> bins) {
  double worst = kNotDefined;
  for (const ReliabilityBin& bin : bins) {
    if (bin.n == 0) continue;
    const double error = std::fabs(bin.observed.value - bin.mean_probability);
    if (!(worst >= error)) worst = error;
  }
  return worst;
}

TopLabel top_label(int classes, std::span<const double> probability, std::span<const int> truth) {
  GANTRY_CHECK(classes > 0 && probability.size() == truth.size() * static_cast<size_t>(classes));
  TopLabel top;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double* row = probability.data() + i * classes;
    const int best = static_cast<int>(std::max_element(row, row + classes) - row);
    top.predicted.push_back(best);
    top.confidence.push_back(row[best]);
    top.correct.push_back(best == truth[i]);
  }
  return top;
}

CalibrationLine calibration_line(std::span<const double> probability,
                                 std::span<const uint8_t> happened, double level) {
  GANTRY_CHECK(probability.size() == happened.size());
  const int64_t n = static_cast<int64_t>(probability.size());
  CalibrationLine result;
  const std::string method = "logistic recalibration (Wald)";
  result.slope = result.intercept = result.calibration_in_the_large = not_defined(n, method);
  std::vector<double> x(probability.size());
  std::transform(probability.begin(), probability.end(), x.begin(), logit);
  const int64_t events =
      std::count_if(happened.begin(), happened.end(), [](uint8_t h) { return h; });
  if (events == 0 || events == n) return result;
  if (const auto line = fit_line(x, happened, false)) {
    result.slope = wald_estimate(line->slope, std::sqrt(line->variance_slope), n, method, -INFINITY,
                                 INFINITY, level);
    result.intercept = wald_estimate(line->intercept, std::sqrt(line->variance_intercept), n,
                                     method, -INFINITY, INFINITY, level);
  }
  if (const auto line = fit_line(x, happened, true)) {
    result.calibration_in_the_large =
        wald_estimate(line->intercept, std::sqrt(line->variance_intercept), n, method, -INFINITY,
                      INFINITY, level);
  }
  return result;
}

}  // namespace gantry
