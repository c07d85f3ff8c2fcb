#include "ops/rms_norm.h"

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/rms_norm_kernels.h"

namespace gantry {
namespace {

template <typename T>
const RmsNormTable<T>& table() {
  return pick(isa_portable::kRmsNormTable<T>, rms_norm_table_avx2<T>(), rms_norm_table_avx512<T>());
}

template <typename T>
bool alike(Matrix<const T> a, Matrix<const T> b) {
  return a.rows == b.rows && a.cols == b.cols;
}

}  // namespace

template <typename T>
void rms_norm_forward(In<T> x, const RmsNormWeights& weights, Matrix<T> y, float* rstd) {
  GANTRY_CHECK(alike<T>(x, y) && weights.gamma);
  const RmsNormForwardCall<T> call{x, weights, y, rstd};
  parallel_for(x.rows, 16,
               [&](int64_t begin, int64_t end) { table<T>().forward(call, begin, end); });
}

template <typename T>
void rms_norm_backward(In<T> dy, In<T> x, const float* rstd, const RmsNormWeights& weights,
                       In<T> add, Matrix<T> dx) {
  GANTRY_CHECK(alike<T>(dy, x) && alike<T>(dx, x) && rstd && weights.gamma);
  GANTRY_CHECK(add.empty() || alike<T>(add, x));
  const RmsNormBackwardCall<T> call{dy, x, add, rstd, weights, dx};
  parallel_for(x.rows, 16,
               [&](int64_t begin, int64_t end) { table<T>().backward(call, begin, end); });
}

#define GANTRY_INSTANTIATE(T)                                                                  \
  template void rms_norm_forward<T>(In<T>, const RmsNormWeights&, Matrix<T>, float*);          \
  template void rms_norm_backward<T>(In<T>, In<T>, const float*, const RmsNormWeights&, In<T>, \
                                     Matrix<T>);
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
