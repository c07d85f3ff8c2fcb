// The code of embedding.h for one instruction set.
#pragma once

#include "ops/dropout_simd.h"
#include "ops/embedding_table.h"
#include "ops/layer_norm_simd.h"

namespace gantry::GANTRY_ISA {
namespace {

GANTRY_INLINE void embedding_sum(const EmbeddingTables& tables, const EmbeddingIds& ids, int64_t r,
                                 int64_t cols, float* x) {
  const float* word = tables.word + ids.word[r] * cols;
  const float* position = tables.position + ids.position[r] * cols;
  const float* type = tables.type ? tables.type + (ids.type ? ids.type[r] : 0) * cols : nullptr;
  for_lanes(cols, [&](int64_t c, auto lanes) {
    VF v = lanes.load(word + c);
    if (type) v = v + lanes.load(type + c);
    lanes.store(x + c, v + lanes.load(position + c));
  });
}

template <typename T>
void embedding_forward_rows(const EmbeddingForwardCall<T>& call, int64_t begin, int64_t end,
                            float* buffer) {
  const int64_t cols = call.y.cols;
  float* x = buffer;
  float* factors = buffer + padded(cols);
  const bool drop = call.dropout.active();
  for (int64_t r = begin; r < end; ++r) {
    embedding_sum(call.tables, call.ids, r, cols, x);
    const Moments m = row_moments(x, cols, call.weights.eps);
    if (call.mean) call.mean[r] = m.mean;
    if (call.rstd) call.rstd[r] = m.rstd;
    if (drop) dropout_factors(dropout_row(call.dropout, r), cols, factors);
    T* y = call.y.row(r);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      const VF x_hat = (lanes.load(x + c) - set1(m.mean)) * set1(m.rstd);
      VF v = fma(x_hat, lanes.load(call.weights.gamma + c), lanes.load(call.weights.beta + c));
      if (drop) v = v * load(factors + c);
      lanes.store(y + c, v);
    });
  }
}

template <typename T>
void embedding_backward_rows(const EmbeddingBackwardCall<T>& call, int64_t begin, int64_t end,
                             float* buffer, float* sums, int64_t stride) {
  const int64_t cols = call.dy.cols;
  float* dy = buffer;
  float* x = buffer + padded(cols);
  float* factors = buffer + 2 * padded(cols);
  std::memset(sums, 0, static_cast<size_t>(2 * stride) * sizeof(float));
  const bool drop = call.dropout.active();
  for (int64_t r = begin; r < end; ++r) {
    embedding_sum(call.tables, call.ids, r, cols, x);
    if (drop) dropout_factors(dropout_row(call.dropout, r), cols, factors);
    const T* in = call.dy.row(r);
    const T* in2 = call.dy2.empty() ? nullptr : call.dy2.row(r);
    for_lanes(cols, [&](int64_t c, auto lanes) {
      VF d = lanes.load(in + c);
      if (in2) d = d + lanes.load(in2 + c);
      if (drop) d = d * load(factors + c);
      lanes.store(dy + c, d);
    });
    float* dx = call.dx.row(r);
    row_backward(dy, x, call.weights.gamma, {call.mean[r], call.rstd[r]}, cols, sums, sums + stride,
                 [&](int64_t c, auto lanes, VF d) { lanes.store(dx + c, d); });
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
