#include "ops/attention.h"

#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "ops/attention_kernels.h"
#include "ops/dispatch.h"

namespace gantry {
namespace {

template <typename T>
const AttentionTable<T>& table() {
  return pick(isa_portable::kAttentionTable<T>, attention_table_avx2<T>(),
              attention_table_avx512<T>());
}

AttentionShape checked(AttentionShape shape, std::span<const int32_t> cu_seqlens, int64_t rows,
                       int64_t qkv_cols, const Dropout& dropout) {
  GANTRY_CHECK(shape.heads > 0 && shape.heads % shape.key_heads() == 0);
  GANTRY_CHECK_MSG(shape.head_size > 0 && shape.head_size % 16 == 0,
                   "the head size must be a multiple of 16");
  GANTRY_CHECK(qkv_cols == shape.qkv_cols());
  GANTRY_CHECK(!cu_seqlens.empty() && cu_seqlens.front() == 0 && cu_seqlens.back() <= rows);
  GANTRY_CHECK(!dropout.active() || (dropout.rate < 1 && dropout.row_keys));
  if (shape.scale == 0) shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_size));
  return shape;
}

// body(row_begin, row_end, key_head) for every sequence and key head. Tasks write places of their
// own, so that it does not matter which thread takes which.
template <typename Body>
void for_tasks(std::span<const int32_t> cu_seqlens, int64_t key_heads, const Body& body) {
  const int64_t tasks = (static_cast<int64_t>(cu_seqlens.size()) - 1) * key_heads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(thread_count())
  for (int64_t i = 0; i < tasks; ++i) {
    const int64_t sequence = i / key_heads;
    const int64_t begin = cu_seqlens[sequence], end = cu_seqlens[sequence + 1];
    if (begin < end) body(begin, end, i % key_heads);
  }
}

template <typename T>
void zero_rows(Matrix<T> m, int64_t from) {
  for (int64_t r = from; r < m.rows; ++r) {
    std::memset(m.row(r), 0, static_cast<size_t>(m.cols) * sizeof(T));
  }
}

}  // namespace

template <typename T>
void attention_forward(const AttentionShape& shape, In<T> qkv, std::span<const int32_t> cu_seqlens,
                       const Dropout& dropout, Matrix<T> ctx, float* lse) {
  GANTRY_CHECK(ctx.rows == qkv.rows && ctx.cols == shape.heads * shape.head_size);
  const AttentionForwardCall<T> call{checked(shape, cu_seqlens, qkv.rows, qkv.cols, dropout), qkv,
                                     dropout, ctx, lse};
  const auto& kernels = table<T>();
  for_tasks(cu_seqlens, shape.key_heads(), [&](int64_t begin, int64_t end, int64_t key_head) {
    kernels.forward(call, begin, end, key_head);
  });
  zero_rows(ctx, cu_seqlens.back());
}

template <typename T>
void attention_backward(const AttentionShape& shape, In<T> qkv, std::span<const int32_t> cu_seqlens,
                        const Dropout& dropout, In<T> ctx, const float* lse, In<T> dctx,
                        Matrix<T> dqkv) {
  GANTRY_CHECK(ctx.rows == qkv.rows && ctx.cols == shape.heads * shape.head_size && lse);
  GANTRY_CHECK(dctx.rows == ctx.rows && dctx.cols == ctx.cols);
  GANTRY_CHECK(dqkv.rows == qkv.rows && dqkv.cols == qkv.cols);
  const AttentionBackwardCall<T> call{
      checked(shape, cu_seqlens, qkv.rows, qkv.cols, dropout), qkv, dropout, ctx, dctx, lse, dqkv};
  const auto& kernels = table<T>();
  for_tasks(cu_seqlens, shape.key_heads(), [&](int64_t begin, int64_t end, int64_t key_head) {
    kernels.backward(call, begin, end, key_head);
  });
  zero_rows(dqkv, cu_seqlens.back());
}

#define GANTRY_INSTANTIATE(T)                                                                 \
  template void attention_forward<T>(const AttentionShape&, In<T>, std::span<const int32_t>,  \
                                     const Dropout&, Matrix<T>, float*);                      \
  template void attention_backward<T>(const AttentionShape&, In<T>, std::span<const int32_t>, \
                                      const Dropout&, In<T>, const float*, In<T>, Matrix<T>);
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
