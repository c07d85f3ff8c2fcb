#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "base/threads.h"
#include "stats/distributions.h"

namespace gantry {
namespace {

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastDefinedShare = 0.9;
constexpr uint64_t kGroupStream = 0x6a61636b6b6e6966;  // not a sample's stream

// Quantile of ascending values by linear interpolation (Hyndman and Fan's type 7, as numpy's).
double quantile(std::span<const double> ascending, double p) {
  const double position = p * static_cast<double>(ascending.size() - 1);
  const size_t below = static_cast<size_t>(std::floor(position));
  const size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] +
         (position - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

// Values of all figures for each of `rounds` weightings; fill(round, times) makes the weighting.
template <typename Fill>
std::vector<double> values_of(int64_t rounds, int64_t patients, int figures,
                              const ResampledStatistic& statistic, const Fill& fill) {
  std::vector<double> values(static_cast<size_t>(rounds) * figures, kNotDefined);
  parallel_for(rounds, 1, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> times(patients);
    for (int64_t r = begin; r < end; ++r) {
      fill(r, times);
      statistic(times, std::span(values).subspan(r * figures, figures));
    }
  });
  return values;
}

std::vector<double> resampled(int64_t patients, int figures, const ResampledStatistic& statistic,
                              const BootstrapOptions& options) {
  return values_of(options.samples, patients, figures, statistic,
                   [&](int64_t sample, std::vector<int32_t>& times) {
                     std::fill(times.begin(), times.end(), 0);
                     Random random(options.seed, static_cast<uint64_t>(sample));
                     for (int64_t i = 0; i < patients; ++i) {
                       ++times[random.below(static_cast<uint64_t>(patients))];
                     }
                   });
}

// Figures with one patient (or one random group of patients) left out: [groups x figures].
std::vector<double> jackknifed(int64_t patients, int figures, const ResampledStatistic& statistic,
                               const BootstrapOptions& options, int64_t& groups) {
  groups = std::min<int64_t>(patients, options.jackknife_groups);
  std::vector<int32_t> group(patients);
  for (int64_t i = 0; i < patients; ++i) group[i] = static_cast<int32_t>(i % groups);
  if (groups < patients) Random(options.seed, kGroupStream).shuffle(group);
  return values_of(groups, patients, figures, statistic,
                   [&](int64_t left_out, std::vector<int32_t>& times) {
                     for (int64_t i = 0; i < patients; ++i) times[i] = group[i] != left_out;
                   });
}

// Efron's acceleration from jackknife values: skewness of the influence / 6. 0 when it is unknown.
double acceleration(std::span<const double> jackknife) {
  const double n = static_cast<double>(jackknife.size());
  const double mean = std::accumulate(jackknife.begin(), jackknife.end(), 0.0) / n;
  double squares = 0, cubes = 0;
  for (double value : jackknife) {
    const double d = mean - value;
    squares += d * d;
    cubes += d * d * d;
  }
  const double scale = std::pow(squares, 1.5);
  return scale > 0 && std::isfinite(cubes) ? cubes / (6 * scale) : 0;
}

// The percentiles at which BCa reads the bootstrap distribution.
std::pair<double, double> bca_percentiles(std::span<const double> ascending, double value,
                                          double accelerate, double level) {
  const auto below = std::lower_bound(ascending.begin(), ascending.end(), value);
  const auto above = std::upper_bound(below, ascending.end(), value);
  const double share =
      0.5 * static_cast<double>((below - ascending.begin()) + (above - ascending.begin())) /
      static_cast<double>(ascending.size());
  const double least = 0.5 / static_cast<double>(ascending.size());
  const double bias = normal_quantile(std::clamp(share, least, 1 - least));
  const auto percentile = [&](double z) {
    return normal_cdf(bias + (bias + z) / (1 - accelerate * (bias + z)));
  };
  const double z = two_sided_z(level);
  return {percentile(-z), percentile(z)};
}

// One figure's column of a [rounds x figures] table, without the rounds where it is not defined.
std::vector<double> defined_column(std::span<const double> values, int figures, int figure) {
  std::vector<double> column;
  for (size_t i = figure; i < values.size(); i += figures) {
    if (std::isfinite(values[i])) column.push_back(values[i]);
  }
  return column;
}

BootstrapFigure summarise(double value, std::vector<double> samples, std::span<const double> jack,
                          const BootstrapOptions& options) {
  BootstrapFigure figure;
  figure.value = value;
  figure.defined = std::isfinite(value);
  figure.undefined_samples = options.samples - static_cast<int64_t>(samples.size());
  if (!figure.defined) {
    figure.value = 0;
    return figure;
  }
  if (static_cast<double>(samples.size()) < kLeastDefinedShare * options.samples) return figure;
  std::sort(samples.begin(), samples.end());
  // Samples that are all equal (a perfect score) hold no information on the spread.
  if (samples.size() < 2 || samples.back() - samples.front() <= 1e-12 * std::fabs(value)) {
    return figure;
  }
  std::pair<double, double> tails{(1 - options.level) / 2, (1 + options.level) / 2};
  if (options.interval == BootstrapInterval::kBca) {
    tails = bca_percentiles(samples, value, acceleration(jack), options.level);
  }
  figure.lower = quantile(samples, tails.first);
  figure.upper = quantile(samples, tails.second);
  const double n = static_cast<double>(samples.size());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double squares = 0;
  for (double s : samples) squares += (s - mean) * (s - mean);
  figure.standard_error = std::sqrt(squares / (n - 1));
  figure.has_interval = true;
  return figure;
}

}  // namespace

Estimate BootstrapFigure::estimate(int64_t n, const std::string& method) const {
  Estimate e = defined ? point_estimate(value, n, method) : not_defined(n, method);
  e.lower = lower;
  e.upper = upper;
  e.has_interval = has_interval;
  if (undefined_samples > 0) {
    e.method += "; not defined in " + with_commas(undefined_samples) + " samples";
  }
  return e;
}

BootstrapResult cluster_bootstrap(int64_t patients, int figures,
                                  const ResampledStatistic& statistic,
                                  const BootstrapOptions& options) {
  GANTRY_CHECK(patients >= 0 && figures >= 0 && options.samples > 0);
  BootstrapResult result;
  const bool bca = options.interval == BootstrapInterval::kBca;
  result.method = "bootstrap over " + with_commas(patients) + " patients (" +
                  (bca ? "BCa, " : "percentile, ") + with_commas(options.samples) +
                  " samples, seed " + std::to_string(options.seed) + ")";
  result.figures.resize(figures);
  if (patients == 0) return result;

  std::vector<double> values(figures, kNotDefined);
  statistic(std::vector<int32_t>(patients, 1), values);
  if (patients < 2) {
    for (int f = 0; f < figures; ++f) {
      result.figures[f] = summarise(values[f], {}, {}, options);
      result.figures[f].undefined_samples = 0;
    }
    return result;
  }
  const std::vector<double> samples = resampled(patients, figures, statistic, options);
  std::vector<double> jackknife;
  int64_t groups = 0;
  if (bca) jackknife = jackknifed(patients, figures, statistic, options, groups);
  for (int f = 0; f < figures; ++f) {
    result.figures[f] = summarise(values[f], defined_column(samples, figures, f),
                                  defined_column(jackknife, figures, f), options);
  }
  return result;
}

std::vector<int32_t> number_clusters(std::span<const std::string> keys) {
  std::unordered_map<std::string_view, int32_t> number;
  std::vector<int32_t> clusters;
  clusters.reserve(keys.size());
  for (const std::string& key : keys) {
    clusters.push_back(number.try_emplace(key, static_cast<int32_t>(number.size())).first->second);
  }
  return clusters;
}

}  // namespace gantry
