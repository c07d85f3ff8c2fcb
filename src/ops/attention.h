// Multi-head attention over packed sequences of various lengths:
//   per sequence and head: P = softmax(scale Q K^T + mask), ctx = dropout(P) V
// Nothing but the log-sum-exp of each row is kept for the backward pass; it computes P again (Dao
// et al. 2022).
#pragma once

#include <cstdint>
#include <span>

#include "ops/dropout.h"
#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

struct AttentionShape {
  int64_t heads = 0;
  int64_t head_size = 0;  // a multiple of 16
  int64_t kv_heads = 0;   // 0: = heads. heads % kv_heads == 0
  float scale = 0;        // 0: 1 / sqrt(head_size)
  bool causal = false;    // a row sees itself and earlier rows only
  int64_t window = 0;     // > 0: |i - j| < window only

  int64_t key_heads() const { return kv_heads ? kv_heads : heads; }
  int64_t qkv_cols() const { return (heads + 2 * key_heads()) * head_size; }
};

// qkv [rows, q heads | k heads | v heads]; cu_seqlens [sequences + 1] from 0 to the live rows,
// rising; ctx [rows, heads * head_size], zeros behind the live rows; lse [heads, rows] or null
// (inference).
template <typename T>
void attention_forward(const AttentionShape& shape, In<T> qkv, std::span<const int32_t> cu_seqlens,
                       const Dropout& dropout, Matrix<T> ctx, float* lse);

// ctx and lse from the forward pass; dctx [rows, heads * head_size]; dqkv [rows, qkv_cols], zeros
// behind the live rows.
template <typename T>
void attention_backward(const AttentionShape& shape, In<T> qkv, std::span<const int32_t> cu_seqlens,
                        const Dropout& dropout, In<T> ctx, const float* lse, In<T> dctx,
                        Matrix<T> dqkv);

}  // namespace gantry
