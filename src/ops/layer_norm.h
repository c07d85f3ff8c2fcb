// Layer normalisation (Ba, Kiros, Hinton 2016) with what stands before it in a transformer block,
// in one pass:
//   x = residual + dropout(branch + bias);   y = (x - mean) * rstd * gamma + beta
// over rows of H elements. Means and variances (biased) are fp32.
#pragma once

#include <cstdint>

#include "ops/dropout.h"
#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

struct LayerNormWeights {
  const float* gamma = nullptr;  // [H]
  const float* beta = nullptr;   // [H]
  float eps = 1e-12f;
};

// What the backward pass needs. Leave empty in inference.
template <typename T>
struct LayerNormSaved {
  Matrix<T> x = {};       // [rows, H]
  float* mean = nullptr;  // [rows]
  float* rstd = nullptr;  // [rows]
};

// branch [rows, H]; bias [H] or null; residual [rows, H] or empty; y [rows, H] may be branch or
// residual. Rows from `live_rows` on (the padding at the end of a packed step) are written as
// zeros.
template <typename T>
void layer_norm_forward(In<T> branch, const float* bias, In<T> residual, const Dropout& dropout,
                        const LayerNormWeights& weights, int64_t live_rows,
                        const LayerNormSaved<T>& saved, Matrix<T> y);

template <typename T>
struct LayerNormGradients {
  Matrix<T> residual = {};  // [rows, H] dL/dx: the gradient of the residual
  Matrix<T> branch = {};    // [rows, H] that of the branch, dropout applied; may be empty where
                            // dropout is off (it is then the same as residual); may be dy itself
  float* gamma = nullptr;   // [H] or null
  float* beta = nullptr;    // [H] or null
  float* bias =
      nullptr;  // [H] or null: column sums of branch, the gradient of the linear layer before
  bool accumulate = false;  // gamma, beta, bias: += instead of =
};

// dy [rows, H], plus dy2 [rows, H] where not empty. Rows from live_rows on give zeros.
template <typename T>
void layer_norm_backward(In<T> dy, In<T> dy2, const Dropout& dropout,
                         const LayerNormWeights& weights, int64_t live_rows,
                         const LayerNormSaved<T>& saved, const LayerNormGradients<T>& gradients);

}  // namespace gantry
