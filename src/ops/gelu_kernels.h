// The code of gelu.h for one instruction set.
#pragma once

#include "ops/gelu_simd.h"
#include "ops/gelu_table.h"

namespace gantry::GANTRY_ISA {
namespace {

template <Activation kind, typename T>
void forward_row(const T* x, const float* bias, T* y, int64_t cols) {
  for_lanes(cols, [&](int64_t c, auto lanes) {
    VF v = lanes.load(x + c);
    if (bias) v = v + lanes.load(bias + c);
    lanes.store(y + c, activate<kind, sizeof(T) == 2>(v));
  });
}

template <Activation kind, typename T>
void backward_row(const T* x, const float* bias, const T* dy, T* dx, int64_t cols) {
  for_lanes(cols, [&](int64_t c, auto lanes) {
    VF v = lanes.load(x + c);
    if (bias) v = v + lanes.load(bias + c);
    lanes.store(dx + c, lanes.load(dy + c) * derivative<kind, sizeof(T) == 2>(v));
  });
}

template <typename T>
constexpr ActivationTable<T> activation_table() {
  return {{forward_row<Activation::kNone, T>, forward_row<Activation::kGelu, T>,
           forward_row<Activation::kGeluTanh, T>, forward_row<Activation::kRelu, T>,
           forward_row<Activation::kTanh, T>},
          {backward_row<Activation::kNone, T>, backward_row<Activation::kGelu, T>,
           backward_row<Activation::kGeluTanh, T>, backward_row<Activation::kRelu, T>,
           backward_row<Activation::kTanh, T>}};
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
