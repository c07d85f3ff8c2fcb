// Softmax and cross-entropy with class weights and label smoothing, as
// torch.nn.CrossEntropyLoss(reduction="mean"):
//   loss = sum_n [ (1 - e) w[y_n] (-log p[n, y_n]) + e / C sum_c w[c] (-log p[n, c]) ] / sum_n
//   w[y_n]
#pragma once

#include <cstdint>

#include "tensor/matrix.h"

namespace gantry {

struct CrossEntropy {
  const float* class_weights = nullptr;  // [C] or null: all 1
  float label_smoothing = 0;
  // The divisor sum_n w[y_n] of the whole (possibly accumulated) batch; 0: of the given rows.
  double weight_sum = 0;
};

// logits [N, C]; labels [N], < 0: row not counted. Returns the loss. dlogits [N, C] and
// probabilities [N, C] may be empty, and may be logits itself (not both).
double cross_entropy(const CrossEntropy& how, In<float> logits, const int32_t* labels,
                     Matrix<float> dlogits, Matrix<float> probabilities);
// Sum of w[labels], for CrossEntropy::weight_sum.
double label_weight_sum(const float* class_weights, const int32_t* labels, int64_t n);

void softmax(In<float> logits, Matrix<float> probabilities);

}  // namespace gantry
