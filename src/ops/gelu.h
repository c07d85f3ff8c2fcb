// Activations, applied element by element.
//   kGelu:     x Phi(x), by erf (Hendrycks & Gimpel 2016), as torch.nn.functional.gelu and HF
//   "gelu" kGeluTanh: its tanh approximation, HF "gelu_new" / "gelu_pytorch_tanh"
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

enum class Activation { kNone, kGelu, kGeluTanh, kRelu, kTanh };

// y = activation(x + bias). bias [cols] may be null. x and y may be the same.
template <typename T>
void activation_forward(Activation a, In<T> x, const float* bias, Matrix<T> y);

// dx = dy * activation'(x + bias). dx and dy may be the same.
template <typename T>
void activation_backward(Activation a, In<T> x, const float* bias, In<T> dy, Matrix<T> dx);

}  // namespace gantry
