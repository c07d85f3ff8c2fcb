// The code of swiglu.h for one instruction set.
#pragma once

#include "ops/simd.h"
#include "ops/swiglu_table.h"

namespace gantry::GANTRY_ISA {
namespace {

// 1 / (1 + e^-x); e^-x is bounded so that nothing overflows (at -80 it is 1e-35).
GANTRY_INLINE VF sigmoid(VF x) {
  return set1(1.0f) / (set1(1.0f) + exp(min(zero() - x, set1(80.0f))));
}

template <typename T>
void swiglu_forward_rows(Matrix<const T> gate_up, Matrix<T> y, int64_t begin, int64_t end) {
  const int64_t m = y.cols;
  for (int64_t r = begin; r < end; ++r) {
    const T* gate = gate_up.row(r);
    T* to = y.row(r);
    for_lanes(m, [&](int64_t c, auto lanes) {
      const VF g = lanes.load(gate + c);
      lanes.store(to + c, g * sigmoid(g) * lanes.load(gate + m + c));
    });
  }
}

// d silu(g) = s (1 + g (1 - s)) with s = sigmoid(g).
template <typename T>
void swiglu_backward_rows(Matrix<const T> gate_up, Matrix<const T> dy, Matrix<T> dgate_up,
                          int64_t begin, int64_t end) {
  const int64_t m = dy.cols;
  for (int64_t r = begin; r < end; ++r) {
    const T* gate = gate_up.row(r);
    const T* d = dy.row(r);
    T* to = dgate_up.row(r);
    for_lanes(m, [&](int64_t c, auto lanes) {
      const VF g = lanes.load(gate + c), up = lanes.load(gate + m + c), dv = lanes.load(d + c);
      const VF s = sigmoid(g);
      lanes.store(to + c, dv * up * s * fma(g, set1(1.0f) - s, set1(1.0f)));
      lanes.store(to + m + c, dv * g * s);
    });
  }
}

template <typename T>
constexpr SwigluTable<T> kSwigluTable = {swiglu_forward_rows<T>, swiglu_backward_rows<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
