#include "ops/softmax_xent.h"

#include <algorithm>
#include <cmath>

namespace gantry {
namespace {

// log(sum exp) of a row, in fp64: rows are few and short.
double log_sum_exp(const float* x, int64_t n) {
  const double top = *std::max_element(x, x + n);
  double sum = 0;
  for (int64_t c = 0; c < n; ++c) sum += std::exp(x[c] - top);
  return top + std::log(sum);
}

}  // namespace

double label_weight_sum(const float* class_weights, const int32_t* labels, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (labels[i] >= 0) sum += class_weights ? class_weights[labels[i]] : 1.0;
  }
  return sum;
}

double cross_entropy(const CrossEntropy& how, In<float> logits, const int32_t* labels,
                     Matrix<float> dlogits, Matrix<float> probabilities) {
  const int64_t classes = logits.cols;
  GANTRY_CHECK(dlogits.empty() || (dlogits.rows == logits.rows && dlogits.cols == classes));
  GANTRY_CHECK(probabilities.empty() ||
               (probabilities.rows == logits.rows && probabilities.cols == classes));
  GANTRY_CHECK(probabilities.empty() || probabilities.data != dlogits.data);
  const double total = how.weight_sum > 0
                           ? how.weight_sum
                           : label_weight_sum(how.class_weights, labels, logits.rows);
  const double smooth = how.label_smoothing / static_cast<double>(classes);
  double loss = 0;
  for (int64_t r = 0; r < logits.rows; ++r) {
    const float* x = logits.row(r);
    const double lse = log_sum_exp(x, classes);
    const int32_t label = labels[r];
    GANTRY_CHECK(label < classes);
    const bool counted = label >= 0 && total > 0;
    // Target weights q_c: the loss is sum q_c (lse - x_c), its gradient (sum q) p_c - q_c.
    double mass = 0;
    for (int64_t c = 0; counted && c < classes; ++c) {
      const double w = how.class_weights ? how.class_weights[c] : 1.0;
      const double q = w * (smooth + (c == label ? 1.0 - how.label_smoothing : 0.0)) / total;
      mass += q;
      loss += q * (lse - x[c]);
    }
    for (int64_t c = 0; c < classes; ++c) {
      const double p = std::exp(x[c] - lse);
      const double w = how.class_weights ? how.class_weights[c] : 1.0;
      const double q =
          counted ? w * (smooth + (c == label ? 1.0 - how.label_smoothing : 0.0)) / total : 0.0;
      if (!probabilities.empty()) probabilities.row(r)[c] = static_cast<float>(p);
      if (!dlogits.empty()) dlogits.row(r)[c] = static_cast<float>(mass * p - q);
    }
  }
  return loss;
}

void softmax(In<float> logits, Matrix<float> probabilities) {
  GANTRY_CHECK(probabilities.rows == logits.rows && probabilities.cols == logits.cols);
  for (int64_t r = 0; r < logits.rows; ++r) {
    const double lse = log_sum_exp(logits.row(r), logits.cols);
    for (int64_t c = 0; c < logits.cols; ++c) {
      probabilities.row(r)[c] = static_cast<float>(std::exp(logits.row(r)[c] - lse));
    }
  }
}

}  // namespace gantry
