// The confusion matrix and every figure that follows from it alone.
//
// Cells are doubles so that the same code serves counts, bootstrap sums and prevalence weights.
// Figures here are plain numbers, NaN where a denominator is empty; evaluation.h wraps them as
// Estimates, which is what may be shown.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gantry {

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes);
  // truth and predicted hold class numbers in [0, classes); weight may be empty (all 1).
  static ConfusionMatrix of(int classes, std::span<const int> truth, std::span<const int> predicted,
                            std::span<const double> weight = {});

  int classes() const { return classes_; }
  double& at(int truth, int predicted) { return cells_[truth * classes_ + predicted]; }
  double at(int truth, int predicted) const { return cells_[truth * classes_ + predicted]; }
  std::span<double> cells() { return cells_; }
  std::span<const double> cells() const { return cells_; }

  double total() const;
  double with_truth(int c) const;      // row sum: cases that are c (the support)
  double with_predicted(int c) const;  // column sum: cases called c
  double correct() const;              // trace

  // One class against the rest.
  double true_positives(int c) const { return at(c, c); }
  double false_negatives(int c) const { return with_truth(c) - at(c, c); }
  double false_positives(int c) const { return with_predicted(c) - at(c, c); }
  double true_negatives(int c) const;
  double sensitivity(int c) const;  // recall: TP / (TP + FN)
  double specificity(int c) const;  // TN / (TN + FP)
  double precision(int c) const;    // PPV: TP / (TP + FP)
  double npv(int c) const;          // TN / (TN + FN)
  double f1(int c) const;           // 2 TP / (2 TP + FP + FN)

  double accuracy() const;
  // Mean over the classes that occur in the reference standard.
  double balanced_accuracy() const;
  // Mean of f1 over the classes that occur in the reference standard or among the answers.
  double macro_f1() const;
  double weighted_f1() const;  // mean of f1 by support
  double macro_precision() const, macro_sensitivity() const;
  // Matthews' correlation for K classes: Gorodkin, Comput Biol Chem 2004;28:367.
  double mcc() const;
  // Cohen's kappa, unweighted: Cohen, Educ Psychol Meas 1960;20:37.
  double kappa() const;

 private:
  int classes_;
  std::vector<double> cells_;  // row-major [truth][predicted]
};

}  // namespace gantry
