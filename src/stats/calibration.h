// Calibration: Brier score, expected calibration error, reliability bins, slope and intercept, and
// temperature scaling. probability is n x classes, row-major, rows summing to 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stats/estimate.h"

namespace gantry {

// Multiclass Brier score: mean over cases of sum over classes (p_k - [truth = k])^2, from 0 to 2
// (Brier, Mon Weather Rev 1950;78:1). For one class against the rest see brier_one_vs_rest, 0 to 1.
double brier(int classes, std::span<const double> probability, std::span<const int> truth);
double brier_one_vs_rest(int classes, int c, std::span<const double> probability,
                         std::span<const int> truth);
// Mean of -ln p(truth); probabilities are raised to at least 2.2e-16.
double log_loss(int classes, std::span<const double> probability, std::span<const int> truth);

enum class Binning { kEqualWidth, kEqualCount };

struct ReliabilityBin {
  double low = 0, high = 0;     // (low, high]; the first bin holds 0 too
  int64_t n = 0;                // 0: the bin is empty and its means are not defined
  double mean_probability = 0;  // of the cases in the bin
  Estimate observed;            // share of cases where the event happened, Wilson
};

// probability[i] of an event and whether it happened. Bins of equal width on 0..1, or of equal
// count (cases of one probability are never parted).
std::vector<ReliabilityBin> reliability_bins(std::span<const double> probability,
                                             std::span<const uint8_t> happened, int bins,
                                             Binning binning = Binning::kEqualWidth);
// The bin of each probability, in [0, bins).
std::vector<int32_t> assign_bins(std::span<const double> probability, int bins, Binning binning);
// Sum over bins of n_b / n * |observed - mean probability| (Naeini, AAAI 2015; Guo, ICML 2017).
double expected_calibration_error(std::span<const ReliabilityBin> bins);
double maximum_calibration_error(std::span<const ReliabilityBin> bins);

// Confidence = the highest probability; happened = that class is the true one. The usual ("top
// label") calibration of a classifier with several classes.
struct TopLabel {
  std::vector<int> predicted;  // first class of the highest probability
  std::vector<double> confidence;
  std::vector<uint8_t> correct;
};
TopLabel top_label(int classes, std::span<const double> probability, std::span<const int> truth);

// Logistic recalibration of one event (Cox, Biometrika 1958;45:562): logit P(event) = intercept +
// slope * logit(probability). Slope 1 and intercept 0 are ideal. calibration_in_the_large is the
// intercept with the slope held at 1. Wald intervals. Not defined where the data are separable, all
// of one kind, or the probability does not vary.
struct CalibrationLine {
  Estimate slope, intercept, calibration_in_the_large;
};
CalibrationLine calibration_line(std::span<const double> probability,
                                 std::span<const uint8_t> happened, double level = 0.95);

// Temperature scaling (Guo et al., ICML 2017): the T > 0 that minimises the log loss of
// softmax(logits / T) on a tuning set. logits is n x classes. Found by Newton's method on 1/T, in
// which the loss is convex, within [1e-3, 1e3]. at_bound: the set says nothing about T. Every case
// right (separable): T stays 1. Worse than chance: T is 1e3, near equal probabilities.
struct Temperature {
  double temperature = 1;
  double log_loss_before = 0, log_loss_after = 0;
  int64_t n = 0;
  bool at_bound = false;  // the minimum lies at the edge of the range
};
Temperature fit_temperature(int classes, std::span<const double> logits,
                            std::span<const int> truth);
// softmax(logits / temperature), row by row. ln(probability) may stand for logits.
std::vector<double> softmax_with_temperature(int classes, std::span<const double> logits,
                                             double temperature);

}  // namespace gantry
