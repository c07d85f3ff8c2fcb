// The code of rms_norm.h for one instruction set.
#pragma once

#include "ops/rms_norm_table.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

template <typename T>
void rms_norm_forward_rows(const RmsNormForwardCall<T>& call, int64_t begin, int64_t end) {
  const int64_t cols = call.x.cols;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = call.x.row(r);
    T* y = call.y.row(r);
    VF squares = zero();
    for_lanes(cols, [&](int64_t c, auto lanes) {
      const VF v = lanes.load(x + c);
      squares = fma(v, v, squares);
    });
    const float rstd =
        1.0f / std::sqrt(reduce_add(squares) / static_cast<float>(cols) + call.weights.eps);
    if (call.rstd) call.rstd[r] = rstd;
    for_lanes(cols, [&](int64_t c, auto lanes) {
      lanes.store(y + c, lanes.load(x + c) * set1(rstd) * lanes.load(call.weights.gamma + c));
    });
  }
}

// With g = dy gamma: dx = rstd g - x rstd^3 / H sum(g x).
template <typename T>
void rms_norm_backward_rows(const RmsNormBackwardCall<T>& call, int64_t begin, int64_t end) {
  const int64_t cols = call.x.cols;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = call.x.row(r);
    const T* dy = call.dy.row(r);
    const T* add = call.add.empty() ? nullptr : call.add.row(r);
    T* dx = call.dx.row(r);
    VF sum = zero();
    for_lanes(cols, [&](int64_t c, auto lanes) {
      sum = fma(lanes.load(dy + c) * lanes.load(call.weights.gamma + c), lanes.load(x + c), sum);
    });
    const float rstd = call.rstd[r];
    const float along = -reduce_add(sum) * rstd * rstd * rstd / static_cast<float>(cols);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      const VF g = lanes.load(dy + c) * lanes.load(call.weights.gamma + c);
      VF d = fma(g, set1(rstd), lanes.load(x + c) * set1(along));
      if (add) d = d + lanes.load(add + c);
      lanes.store(dx + c, d);
    });
  }
}

template <typename T>
constexpr RmsNormTable<T> kRmsNormTable = {rms_norm_forward_rows<T>, rms_norm_backward_rows<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
