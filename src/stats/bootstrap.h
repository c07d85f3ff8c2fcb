// Cluster bootstrap: patients, not reports, are drawn with replacement, so that several reports of
// one patient do not pass for independent evidence (Efron and Tibshirani 1993; Davison and Hinkley
// 1997, 3.8).
//
// A resample is given to the statistic as a count per patient; statistics are sums weighted by it.
// Sample s uses the random stream (seed, s): the result does not depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stats/estimate.h"

namespace gantry {

enum class BootstrapInterval {
  kPercentile,
  kBca,  // bias-corrected and accelerated: Efron, J Am Stat Assoc 1987;82:171
};

struct BootstrapOptions {
  int samples = 10000;
  uint64_t seed = 1;
  double level = 0.95;
  BootstrapInterval interval = BootstrapInterval::kPercentile;
  // BCa's acceleration by leaving out one patient at a time, or, above this number of patients, one
  // of this many groups of patients at a time (the error of the acceleration is near 0.6 / groups).
  int jackknife_groups = 2000;
};

// times[c] = how often patient c was drawn. Writes one value a figure; NaN where a figure is not
// defined in this sample. Called from several threads at once.
using ResampledStatistic =
    std::function<void(std::span<const int32_t> times, std::span<double> figures)>;

struct BootstrapFigure {
  double value = 0;  // on the data as they are
  double lower = 0, upper = 0;
  double standard_error = 0;
  int64_t undefined_samples = 0;
  bool defined = false, has_interval = false;
  Estimate estimate(int64_t n, const std::string& method) const;
};
struct BootstrapResult {
  std::vector<BootstrapFigure> figures;
  std::string method;  // "bootstrap over 512 patients (percentile, 10,000 samples, seed 1)"
};
// An interval needs at least two patients and at least 90 % of the samples with a defined figure.
BootstrapResult cluster_bootstrap(int64_t patients, int figures,
                                  const ResampledStatistic& statistic,
                                  const BootstrapOptions& options = {});

// Gives each distinct key a number from 0 in order of first appearance: patient ids -> clusters.
std::vector<int32_t> number_clusters(std::span<const std::string> keys);

}  // namespace gantry
