// The kernels of paged_attention.h.
#pragma once

#include "ops/paged_attention.h"

namespace gantry {

struct PagedAttentionCall {
  PageShape shape;
  int64_t layer;
  Matrix<const float> q;
  std::span<const int32_t> positions;
  int64_t window;
  Matrix<float> out;
};

struct PagedAttentionTable {
  // Heads [head, head + heads) of the rows of `span`; all of one key-value head.
  void (*heads)(const PagedAttentionCall& call, const AttentionSpan& span, int64_t head,
                int64_t heads);
};

const PagedAttentionTable& paged_attention_table_avx2();
const PagedAttentionTable& paged_attention_table_avx512();

}  // namespace gantry
