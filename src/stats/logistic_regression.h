// Multinomial logistic regression with an L2 penalty on sparse rows, fitted by L-BFGS: the baseline
// every encoder must beat, and a member beside it.
//
// Minimises  C * sum_i w_i * (-ln softmax(W x_i + b)[y_i]) + 1/2 ||W||^2  (the intercept b is not
// penalised), which is scikit-learn's LogisticRegression(penalty="l2", solver="lbfgs"). With two
// classes the penalty is that of the difference of the two vectors, as there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stats/sparse.h"

namespace gantry {

struct LogisticRegressionOptions {
  double c = 1.0;         // inverse strength of the penalty
  bool balanced = false;  // class weights n / (classes * n_class)
  // On the largest entry of the gradient / (C * sum of weights). 1e-8: logits good to 1e-4; 1e-11:
  // to rounding, at twice the time.
  double gradient_tolerance = 1e-8;
  int max_iterations = 2000;
};

class LogisticRegression {
 public:
  int classes = 0;
  int64_t features = 0;
  std::vector<double> weight;     // [features x classes], the classes of one feature side by side
  std::vector<double> intercept;  // [classes]
  int iterations = 0;             // of the fit
  bool converged = false;

  // labels in [0, classes). A class without a case is allowed: it ends with a low intercept.
  // E0651 when there is no case or fewer than two classes occur.
  static LogisticRegression fit(const SparseRows& rows, std::span<const int> labels, int classes,
                                const LogisticRegressionOptions& options = {});

  std::vector<double> logits(const SparseRow& row) const;         // [classes]
  std::vector<double> probabilities(const SparseRow& row) const;  // softmax of logits
};

// The share of each column in the decision for class c against the mean of all classes:
// value * (W[c] - mean_k W[k]), for the columns present in the row.
struct Contribution {
  int32_t column;
  double value;
};
std::vector<Contribution> contributions(const LogisticRegression& model, const SparseRow& row,
                                        int c);

}  // namespace gantry
