#include "ops/gelu.h"

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/gelu_kernels.h"

namespace gantry {
namespace {

constexpr int64_t kGrainElements = 1 << 14;

template <typename T>
const ActivationTable<T>& table() {
  static constexpr ActivationTable<T> portable = isa_portable::activation_table<T>();
  return pick(portable, activation_table_avx2<T>(), activation_table_avx512<T>());
}

}  // namespace

template <typename T>
void activation_forward(Activation a, In<T> x, const float* bias, Matrix<T> y) {
  GANTRY_CHECK(x.rows == y.rows && x.cols == y.cols);
  const auto row = table<T>().forward[static_cast<int>(a)];
  parallel_for(x.rows, kGrainElements / (x.cols + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row(x.row(r), bias, y.row(r), x.cols);
  });
}

template <typename T>
void activation_backward(Activation a, In<T> x, const float* bias, In<T> dy, Matrix<T> dx) {
  GANTRY_CHECK(x.rows == dy.rows && x.cols == dy.cols && x.rows == dx.rows && x.cols == dx.cols);
  const auto row = table<T>().backward[static_cast<int>(a)];
  parallel_for(x.rows, kGrainElements / (x.cols + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row(x.row(r), bias, dy.row(r), dx.row(r), x.cols);
  });
}

template void activation_forward<float>(Activation, In<float>, const float*, Matrix<float>);
template void activation_forward<bf16>(Activation, In<bf16>, const float*, Matrix<bf16>);
template void activation_backward<float>(Activation, In<float>, const float*, In<float>,
                                         Matrix<float>);
template void activation_backward<bf16>(Activation, In<bf16>, const float*, In<bf16>, Matrix<bf16>);

}  // namespace gantry
