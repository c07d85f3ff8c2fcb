// Root-mean-square normalisation (Zhang, Sennrich 2019), as LLaMA has it:
//   y = x * rstd * gamma,  rstd = 1 / sqrt(mean(x^2) + eps)
// over rows of H elements; sums are fp32.
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

struct RmsNormWeights {
  const float* gamma = nullptr;  // [H]
  float eps = 1e-6f;
};

// x, y [rows, H]; y may be x. rstd [rows] or null (inference).
template <typename T>
void rms_norm_forward(In<T> x, const RmsNormWeights& weights, Matrix<T> y, float* rstd);

// dx = dL/dx (+ add, which may be dx itself: the gradient that passes the norm by). gamma is
// frozen.
template <typename T>
void rms_norm_backward(In<T> dy, In<T> x, const float* rstd, const RmsNormWeights& weights,
                       In<T> add, Matrix<T> dx);

}  // namespace gantry
