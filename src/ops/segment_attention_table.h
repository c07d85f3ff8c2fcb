// The kernels of segment_attention.h: one group of segments and one key head (with all query heads
// that share it).
#pragma once

#include <cstdint>

#include "ops/segment_attention.h"

namespace gantry {

template <typename T>
struct SegmentForwardCall {
  SegmentAttentionShape shape;
  const SegmentPlan* plan;
  Matrix<const T> q, k, v;
  Matrix<T> ctx;
  float* lse;  // [heads, queries] or null
};

template <typename T>
struct SegmentBackwardCall {
  SegmentAttentionShape shape;
  const SegmentPlan* plan;
  Matrix<const T> q, k, v, ctx, dctx;
  const float* lse;
  Matrix<T> dq, dk, dv;
  float* partials;  // [partial rows][key heads][dk, dv][head_size]

  float* partial(int64_t row, int64_t key_head) const {
    return partials + (row * shape.kv_heads + key_head) * 2 * shape.head_size;
  }
  int64_t partial_stride() const { return shape.kv_heads * 2 * shape.head_size; }
};

template <typename T>
struct SegmentAttentionTable {
  void (*forward)(const SegmentForwardCall<T>& call, int64_t group, int64_t key_head);
  void (*backward)(const SegmentBackwardCall<T>& call, int64_t group, int64_t key_head);
};

template <typename T>
const SegmentAttentionTable<T>& segment_attention_table_avx2();
template <typename T>
const SegmentAttentionTable<T>& segment_attention_table_avx512();

}  // namespace gantry
