// The kernels of attention.h: one sequence and one key head (with all query heads that share it).
#pragma once

#include <cstdint>

#include "ops/attention.h"

namespace gantry {

template <typename T>
struct AttentionForwardCall {
  AttentionShape shape;
  Matrix<const T> qkv;
  Dropout dropout;
  Matrix<T> ctx;
  float* lse;  // [heads, rows] or null
};

template <typename T>
struct AttentionBackwardCall {
  AttentionShape shape;
  Matrix<const T> qkv;
  Dropout dropout;
  Matrix<const T> ctx, dctx;
  const float* lse;
  Matrix<T> dqkv;
};

template <typename T>
struct AttentionTable {
  void (*forward)(const AttentionForwardCall<T>& call, int64_t row_begin, int64_t row_end,
                  int64_t key_head);
  void (*backward)(const AttentionBackwardCall<T>& call, int64_t row_begin, int64_t row_end,
                   int64_t key_head);
};

template <typename T>
const AttentionTable<T>& attention_table_avx2();
template <typename T>
const AttentionTable<T>& attention_table_avx512();

}  // namespace gantry
