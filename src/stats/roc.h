// Ranking: area under the ROC curve with DeLong's interval and test, average precision, curves.
//
// Scores may be tied (a tie counts one half). A set without positives or without negatives has no
// area: not defined.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/estimate.h"

namespace gantry {

// Area under the ROC curve = P(score of a positive > score of a negative) + 1/2 P(tie).
// positive[i] != 0 marks the positives; weight may be empty. NaN when not defined.
double auc(std::span<const double> score, std::span<const uint8_t> positive,
           std::span<const double> weight = {});

// The same with the interval of DeLong, DeLong and Clarke-Pearson (Biometrics 1988;44:837),
// computed by midranks as in Sun and Xu (IEEE Signal Process Lett 2014;21:1389). kPlain: area +- z
// SE, cut to 0..1, as pROC prints it. kLogit: made on the logit scale (Pepe 2003, 5.2.3), better
// near 1. With an area of 0 or 1, or fewer than two positives or negatives, the variance says
// nothing: no interval.
enum class AucScale { kPlain, kLogit };
Estimate auc_delong(std::span<const double> score, std::span<const uint8_t> positive,
                    double level = 0.95, AucScale scale = AucScale::kPlain);

struct AucComparison {
  Estimate first, second;  // plain scale
  Estimate difference;     // first - second
  TestResult test;         // two-sided z
};
// Two scores on the same cases (DeLong's paired test).
AucComparison auc_compare(std::span<const double> first, std::span<const double> second,
                          std::span<const uint8_t> positive, double level = 0.95);

// Several classes: probability is n x classes, row-major. Classes that do not occur (or are alone)
// are left out of the means, which are NaN when nothing is left.
struct MulticlassAuc {
  std::vector<double> one_vs_rest;  // [class], NaN where not defined
  std::vector<double> one_vs_one;  // [a * classes + b]: positives a, negatives b, by the score of a
  double macro_one_vs_rest = 0;
  double weighted_one_vs_rest = 0;  // by support
  double macro_one_vs_one = 0;      // Hand and Till, Mach Learn 2001;45:171
};
MulticlassAuc multiclass_auc(int classes, std::span<const double> probability,
                             std::span<const int> truth);

// Average precision: sum over thresholds of (R_k - R_{k-1}) P_k, ties taken together (no
// interpolation), as scikit-learn's average_precision_score. NaN without positives.
double average_precision(std::span<const double> score, std::span<const uint8_t> positive,
                         std::span<const double> weight = {});

// Curves for plots, one point a distinct score, thresholds falling.
struct RocPoint {
  double threshold, false_positive_rate, sensitivity;
};
std::vector<RocPoint> roc_curve(std::span<const double> score, std::span<const uint8_t> positive);
struct PrecisionRecallPoint {
  double threshold, precision, recall;
};
std::vector<PrecisionRecallPoint> precision_recall_curve(std::span<const double> score,
                                                         std::span<const uint8_t> positive);

}  // namespace gantry
