// Cross-entropy of label rows over a vocabulary, fused with its gradient, in place.
#pragma once

#include <cstdint>

#include "tensor/matrix.h"

namespace gantry {

// logits [n, V] fp32; labels [n] in [0, V). For each row i:
//   log_probabilities[i] = log softmax(logits[i])[labels[i]]
// and, where factors is not null, logits[i] = factors[i] * (softmax(logits[i]) -
// onehot(labels[i])): the gradient of -factors[i] * log_probabilities[i].
void label_loss(Matrix<float> logits, const int32_t* labels, const float* factors,
                float* log_probabilities);

}  // namespace gantry
