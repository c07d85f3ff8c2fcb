// SwiGLU (Shazeer 2020): y = silu(gate) * up with silu(x) = x / (1 + e^-x), gate and up side by
// side as one product gives them.
#pragma once

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

// gate_up [rows, 2 m]: gate, then up; y [rows, m].
template <typename T>
void swiglu_forward(In<T> gate_up, Matrix<T> y);

// dy [rows, m]; dgate_up [rows, 2 m], may be gate_up itself.
template <typename T>
void swiglu_backward(In<T> gate_up, In<T> dy, Matrix<T> dgate_up);

}  // namespace gantry
