#include "stats/confusion.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace gantry {
namespace {

constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : kNotDefined;
}

// Mean of figure(c) over the classes for which it is a number.
template <typename Figure>
double mean_over(int classes, const Figure& figure) {
  double sum = 0;
  int used = 0;
  for (int c = 0; c < classes; ++c) {
    const double value = figure(c);
    if (std::isnan(value)) continue;
    sum += value;
    ++used;
  }
  return ratio(sum, used);
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int classes)
    : classes_(classes), cells_(static_cast<size_t>(classes) * classes) {
  GANTRY_CHECK(classes > 0);
}

ConfusionMatrix ConfusionMatrix::of(int classes, std::span<const int> truth,
                                    std::span<const int> predicted,
                                    std::span<const double> weight) {
  GANTRY_CHECK(truth.size() == predicted.size());
  GANTRY_CHECK(weight.empty() || weight.size() == truth.size());
  ConfusionMatrix m(classes);
  for (size_t i = 0; i < truth.size(); ++i) {
    GANTRY_CHECK(truth[i] >= 0 && truth[i] < classes && predicted[i] >= 0 &&
                 predicted[i] < classes);
    m.at(truth[i], predicted[i]) += weight.empty() ? 1 : weight[i];
  }
  return m;
}

double ConfusionMatrix::total() const { return std::accumulate(cells_.begin(), cells_.end(), 0.0); }

double ConfusionMatrix::with_truth(int c) const {
  double sum = 0;
  for (int p = 0; p < classes_; ++p) sum += at(c, p);
  return sum;
}

double ConfusionMatrix::with_predicted(int c) const {
  double sum = 0;
  for (int t = 0; t < classes_; ++t) sum += at(t, c);
  return sum;
}

double ConfusionMatrix::correct() const {
  double sum = 0;
  for (int c = 0; c < classes_; ++c) sum += at(c, c);
  return sum;
}

double ConfusionMatrix::true_negatives(int c) const {
  double sum = 0;
  for (int t = 0; t < classes_; ++t) {
    for (int p = 0; p < classes_; ++p) {
      if (t != c && p != c) sum += at(t, p);
    }
  }
  return sum;
}

double ConfusionMatrix::sensitivity(int c) const { return ratio(at(c, c), with_truth(c)); }

double ConfusionMatrix::specificity(int c) const {
  const double negatives = true_negatives(c);
  return ratio(negatives, negatives + false_positives(c));
}

double ConfusionMatrix::precision(int c) const { return ratio(at(c, c), with_predicted(c)); }

double ConfusionMatrix::npv(int c) const {
  const double negatives = true_negatives(c);
  return ratio(negatives, negatives + false_negatives(c));
}

double ConfusionMatrix::f1(int c) const {
  return ratio(2 * at(c, c), with_truth(c) + with_predicted(c));
}

double ConfusionMatrix::accuracy() const { return ratio(correct(), total()); }

double ConfusionMatrix::balanced_accuracy() const { return macro_sensitivity(); }

double ConfusionMatrix::macro_f1() const {
  return mean_over(classes_, [&](int c) { return f1(c); });
}

double ConfusionMatrix::weighted_f1() const {
  double sum = 0;
  for (int c = 0; c < classes_; ++c) {
    const double support = with_truth(c);
    if (support > 0) sum += support * f1(c);
  }
  return ratio(sum, total());
}

double ConfusionMatrix::macro_precision() const {
  return mean_over(classes_, [&](int c) { return precision(c); });
}

double ConfusionMatrix::macro_sensitivity() const {
  return mean_over(classes_, [&](int c) { return sensitivity(c); });
}

double ConfusionMatrix::mcc() const {
  const double n = total();
  double expected = 0, truth_squares = 0, predicted_squares = 0;
  for (int c = 0; c < classes_; ++c) {
    const double t = with_truth(c), p = with_predicted(c);
    expected += t * p;
    truth_squares += t * t;
    predicted_squares += p * p;
  }
  const double variances = (n * n - predicted_squares) * (n * n - truth_squares);
  return ratio(correct() * n - expected, variances > 0 ? std::sqrt(variances) : 0);
}

double ConfusionMatrix::kappa() const {
  const double n = total();
  double expected = 0;
  for (int c = 0; c < classes_; ++c) expected += with_truth(c) * with_predicted(c);
  return ratio(correct() * n - expected, n * n - expected);
}

}  // namespace gantry
