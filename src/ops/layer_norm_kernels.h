// The code of layer_norm.h for one instruction set.
#pragma once

#include "ops/dropout_simd.h"
#include "ops/layer_norm_simd.h"
#include "ops/layer_norm_table.h"

namespace gantry::GANTRY_ISA {
namespace {

template <typename T>
void layer_norm_forward_rows(const LayerNormForwardCall<T>& call, int64_t begin, int64_t end,
                             float* buffer) {
  const int64_t cols = call.y.cols;
  float* x = buffer;
  float* factors = buffer + padded(cols);
  const bool drop = call.dropout.active();
  for (int64_t r = begin; r < end; ++r) {
    if (drop) dropout_factors(dropout_row(call.dropout, r), cols, factors);
    const T* branch = call.branch.row(r);
    const T* residual = call.residual.empty() ? nullptr : call.residual.row(r);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      VF v = lanes.load(branch + c);
      if (call.bias) v = v + lanes.load(call.bias + c);
      if (drop) v = v * load(factors + c);
      if (residual) v = v + lanes.load(residual + c);
      lanes.store(x + c, v);
    });
    const Moments m = row_moments(x, cols, call.weights.eps);
    T* saved = call.saved.x.empty() ? nullptr : call.saved.x.row(r);
    if (call.saved.mean) call.saved.mean[r] = m.mean;
    if (call.saved.rstd) call.saved.rstd[r] = m.rstd;
    T* y = call.y.row(r);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      const VF v = lanes.load(x + c);
      if (saved) lanes.store(saved + c, v);
      const VF x_hat = (v - set1(m.mean)) * set1(m.rstd);
      lanes.store(
          y + c, fma(x_hat, lanes.load(call.weights.gamma + c), lanes.load(call.weights.beta + c)));
    });
  }
}

template <typename T>
void layer_norm_backward_rows(const LayerNormBackwardCall<T>& call, int64_t begin, int64_t end,
                              float* buffer, float* sums, int64_t stride) {
  const int64_t cols = call.dy.cols;
  float* dy = buffer;
  float* x = buffer + padded(cols);
  float* factors = buffer + 2 * padded(cols);
  float* dgamma = sums;
  float* dbeta = sums + stride;
  float* dbias = sums + 2 * stride;
  std::memset(sums, 0, static_cast<size_t>(3 * stride) * sizeof(float));
  const bool drop = call.dropout.active();
  for (int64_t r = begin; r < end; ++r) {
    const T* in = call.dy.row(r);
    const T* in2 = call.dy2.empty() ? nullptr : call.dy2.row(r);
    const T* saved = call.saved.x.row(r);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      VF d = lanes.load(in + c);
      if (in2) d = d + lanes.load(in2 + c);
      lanes.store(dy + c, d);
      lanes.store(x + c, lanes.load(saved + c));
    });
    if (drop) dropout_factors(dropout_row(call.dropout, r), cols, factors);
    T* dresidual = call.dresidual.empty() ? nullptr : call.dresidual.row(r);
    T* dbranch = call.dbranch.empty() ? nullptr : call.dbranch.row(r);
    row_backward(dy, x, call.weights.gamma, {call.saved.mean[r], call.saved.rstd[r]}, cols, dgamma,
                 dbeta, [&](int64_t c, auto lanes, VF dx) {
                   if (dresidual) lanes.store(dresidual + c, dx);
                   if (drop) dx = dx * load(factors + c);
                   if (dbranch) lanes.store(dbranch + c, dx);
                   lanes.store(dbias + c, dx + lanes.load(dbias + c));
                 });
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
