// Order statistics of times and scores.
#pragma once

#include <cstdint>
#include <span>

#include "stats/estimate.h"

namespace gantry {

// Quantile q in [0, 1] by linear interpolation between order statistics (Hyndman and Fan, Am Stat
// 1996;50:361, type 7: R's and numpy's default). NaN when empty.
double sample_quantile(std::span<const double> values, double q);

struct Quartiles {
  int64_t n = 0;
  double total = 0, mean = 0, lowest = 0, first = 0, median = 0, third = 0, highest = 0;
};
Quartiles quartiles(std::span<const double> values);  // n = 0: all NaN but the total

// The median with the distribution-free interval of order statistics (Conover, Practical
// Nonparametric Statistics, 3rd ed. 1999, 3.2: binomial(n, 1/2), at least `level`). Fewer than 6
// values cannot reach 95 %: no interval.
Estimate median_estimate(std::span<const double> values, double level = 0.95);

}  // namespace gantry
