// ROC and precision-recall curves with pointwise bands, by bootstrap over patients.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/bootstrap.h"

namespace gantry {

struct CurvePoint {
  double x = 0, y = 0;          // y NaN: not defined
  double lower = 0, upper = 0;  // meaningful only when has_interval
  bool has_interval = false;
};
struct CurveBand {
  std::vector<CurvePoint> points;
  std::string method;  // as BootstrapResult's; pointwise, not simultaneous
};

// Sensitivity at each false-positive rate of `grid` (values in [0, 1]): the highest on the curve
// there, tied scores joined by a straight line (vertical averaging: Fawcett, Pattern Recognit Lett
// 2006;27:861). patient: numbers from 0, one a case; empty: each case its own. No points when
// there are no positives or no negatives.
CurveBand roc_band(std::span<const double> score, std::span<const uint8_t> positive,
                   std::span<const int32_t> patient, std::span<const double> grid,
                   const BootstrapOptions& options = {});
// Precision at each recall of `grid` in (0, 1]: of the strictest threshold that reaches the recall
// (no interpolation, which would be too good: Davis and Goadrich, ICML 2006).
CurveBand precision_recall_band(std::span<const double> score, std::span<const uint8_t> positive,
                                std::span<const int32_t> patient, std::span<const double> grid,
                                const BootstrapOptions& options = {});

// n values from low to high, both ends included.
std::vector<double> even_grid(double low, double high, int n);

}  // namespace gantry
