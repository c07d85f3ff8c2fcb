#include "ops/embedding.h"

#include <cstring>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/embedding_kernels.h"
#include "ops/row_sums.h"
#include "ops/scratch.h"

namespace gantry {
namespace {

constexpr int64_t kChunk = 32;    // rows a partial sum of dgamma, dbeta
constexpr int64_t kColumns = 16;  // columns a thread's share of the scatter is a multiple of

template <typename T>
const EmbeddingKernels<T>& kernels() {
  static constexpr EmbeddingKernels<T> portable = {isa_portable::embedding_forward_rows<T>,
                                                   isa_portable::embedding_backward_rows<T>};
  return pick(portable, embedding_kernels_avx2<T>(), embedding_kernels_avx512<T>());
}

float* row_buffer(int64_t cols) { return scratch<float>(Slot::kRows, 3 * (cols + 64)); }

void check_ids(const EmbeddingTables& tables, const EmbeddingIds& ids) {
  bool fit = true;
  for (int64_t r = 0; r < ids.rows; ++r) {
    fit &= ids.word[r] >= 0 && ids.word[r] < tables.words;
    fit &= ids.position[r] >= 0 && ids.position[r] < tables.positions;
    fit &= !ids.type || (ids.type[r] >= 0 && ids.type[r] < tables.types);
  }
  GANTRY_CHECK_MSG(fit, "an embedding id is outside its table");
}

// table[ids[r]] += dx[r] in the order of r; each thread has columns of its own, so nothing is
// shared.
void scatter_add(const int32_t* ids, Matrix<const float> dx, int64_t rows, float* table) {
  const int64_t cols = dx.cols, blocks = (cols + kColumns - 1) / kColumns;
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    const int64_t from = begin * kColumns, to = std::min(cols, end * kColumns);
    for (int64_t r = 0; r < rows; ++r) {
      float* sum = table + (ids ? ids[r] : 0) * cols;
      const float* d = dx.row(r);
      for (int64_t c = from; c < to; ++c) sum[c] += d[c];
    }
  });
}

}  // namespace

template <typename T>
void embedding_forward(const EmbeddingTables& tables, const EmbeddingIds& ids,
                       const LayerNormWeights& weights, const Dropout& dropout, float* mean,
                       float* rstd, Matrix<T> y) {
  GANTRY_CHECK(ids.rows <= y.rows);
  check_ids(tables, ids);
  const EmbeddingForwardCall<T> call{tables, ids, weights, dropout, mean, rstd, y};
  const auto& table = kernels<T>();
  parallel_for(ids.rows, 16, [&](int64_t begin, int64_t end) {
    table.forward(call, begin, end, row_buffer(y.cols));
  });
  for (int64_t r = ids.rows; r < y.rows; ++r) {
    std::memset(y.row(r), 0, static_cast<size_t>(y.cols) * sizeof(T));
  }
}

template <typename T>
void embedding_backward(const EmbeddingTables& tables, const EmbeddingIds& ids,
                        const LayerNormWeights& weights, const Dropout& dropout, const float* mean,
                        const float* rstd, In<T> dy, In<T> dy2, Matrix<float> dx,
                        const EmbeddingGradients& gradients) {
  GANTRY_CHECK(ids.rows <= dy.rows && ids.rows <= dx.rows && dy.cols == dx.cols);
  GANTRY_CHECK(dy2.empty() || (dy2.rows == dy.rows && dy2.cols == dy.cols));
  check_ids(tables, ids);
  const EmbeddingBackwardCall<T> call{tables, ids, weights, dropout, mean, rstd, dy, dy2, dx};
  const auto& table = kernels<T>();
  const int64_t cols = dy.cols;
  sum_over_rows(
      ids.rows, kChunk, 2 * cols,
      [&](int64_t begin, int64_t end, float* partial) {
        table.backward(call, begin, end, row_buffer(cols), partial, cols);
      },
      [&](int64_t i, float sum) {
        float* const to[] = {gradients.gamma, gradients.beta};
        if (float* g = to[i / cols]) g[i % cols] += sum;
      });
  if (gradients.word) scatter_add(ids.word, dx, ids.rows, gradients.word);
  if (gradients.position) scatter_add(ids.position, dx, ids.rows, gradients.position);
  if (gradients.type) scatter_add(ids.type, dx, ids.rows, gradients.type);
}

#define GANTRY_INSTANTIATE(T)                                                                 \
  template void embedding_forward<T>(const EmbeddingTables&, const EmbeddingIds&,             \
                                     const LayerNormWeights&, const Dropout&, float*, float*, \
                                     Matrix<T>);                                              \
  template void embedding_backward<T>(                                                        \
      const EmbeddingTables&, const EmbeddingIds&, const LayerNormWeights&, const Dropout&,   \
      const float*, const float*, In<T>, In<T>, Matrix<float>, const EmbeddingGradients&);
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
