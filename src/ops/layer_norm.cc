#include "ops/layer_norm.h"

#include <cstring>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/layer_norm_kernels.h"
#include "ops/row_sums.h"
#include "ops/scratch.h"

namespace gantry {
namespace {

constexpr int64_t kChunk = 32;  // rows a partial sum of dgamma, dbeta, dbias

template <typename T>
const LayerNormTable<T>& table() {
  static constexpr LayerNormTable<T> portable = {isa_portable::layer_norm_forward_rows<T>,
                                                 isa_portable::layer_norm_backward_rows<T>};
  return pick(portable, layer_norm_table_avx2<T>(), layer_norm_table_avx512<T>());
}

float* row_buffer(int64_t cols) { return scratch<float>(Slot::kRows, 3 * (cols + 64)); }

template <typename T>
void zero_rows(Matrix<T> m, int64_t from) {
  if (m.empty()) return;
  for (int64_t r = from; r < m.rows; ++r) {
    std::memset(m.row(r), 0, static_cast<size_t>(m.cols) * sizeof(T));
  }
}

template <typename T>
bool same_shape_or_empty(Matrix<const T> a, Matrix<const T> like) {
  return a.empty() || (a.rows == like.rows && a.cols == like.cols);
}

}  // namespace

template <typename T>
void layer_norm_forward(In<T> branch, const float* bias, In<T> residual, const Dropout& dropout,
                        const LayerNormWeights& weights, int64_t live_rows,
                        const LayerNormSaved<T>& saved, Matrix<T> y) {
  GANTRY_CHECK(branch.rows == y.rows && branch.cols == y.cols && live_rows <= y.rows);
  GANTRY_CHECK(same_shape_or_empty<T>(residual, y) && same_shape_or_empty<T>(saved.x, y));
  const LayerNormForwardCall<T> call{branch, residual, bias, dropout, weights, saved, y};
  const auto& kernels = table<T>();
  parallel_for(live_rows, 16, [&](int64_t begin, int64_t end) {
    kernels.forward(call, begin, end, row_buffer(y.cols));
  });
  zero_rows(y, live_rows);
  zero_rows(saved.x, live_rows);
}

template <typename T>
void layer_norm_backward(In<T> dy, In<T> dy2, const Dropout& dropout,
                         const LayerNormWeights& weights, int64_t live_rows,
                         const LayerNormSaved<T>& saved, const LayerNormGradients<T>& gradients) {
  GANTRY_CHECK(live_rows <= dy.rows && same_shape_or_empty<T>(dy2, dy));
  GANTRY_CHECK(saved.x.rows == dy.rows && saved.x.cols == dy.cols && saved.mean && saved.rstd);
  GANTRY_CHECK(same_shape_or_empty<T>(gradients.residual, dy));
  GANTRY_CHECK(same_shape_or_empty<T>(gradients.branch, dy));
  const LayerNormBackwardCall<T> call{
      dy, dy2, dropout, weights, saved, gradients.residual, gradients.branch};
  const auto& kernels = table<T>();
  const int64_t cols = dy.cols;
  sum_over_rows(
      live_rows, kChunk, 3 * cols,
      [&](int64_t begin, int64_t end, float* partial) {
        kernels.backward(call, begin, end, row_buffer(cols), partial, cols);
      },
      [&](int64_t i, float sum) {
        float* const to[] = {gradients.gamma, gradients.beta, gradients.bias};
        if (float* g = to[i / cols]) g[i % cols] = gradients.accumulate ? g[i % cols] + sum : sum;
      });
  zero_rows(gradients.residual, live_rows);
  zero_rows(gradients.branch, live_rows);
}

#define GANTRY_INSTANTIATE(T)                                                                     \
  template void layer_norm_forward<T>(In<T>, const float*, In<T>, const Dropout&,                 \
                                      const LayerNormWeights&, int64_t, const LayerNormSaved<T>&, \
                                      Matrix<T>);                                                 \
  template void layer_norm_backward<T>(In<T>, In<T>, const Dropout&, const LayerNormWeights&,     \
                                       int64_t, const LayerNormSaved<T>&,                         \
                                       const LayerNormGradients<T>&);
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
