#include "ops/swiglu.h"

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/swiglu_kernels.h"

namespace gantry {
namespace {

template <typename T>
const SwigluTable<T>& table() {
  return pick(isa_portable::kSwigluTable<T>, swiglu_table_avx2<T>(), swiglu_table_avx512<T>());
}

}  // namespace

template <typename T>
void swiglu_forward(In<T> gate_up, Matrix<T> y) {
  GANTRY_CHECK(gate_up.rows == y.rows && gate_up.cols == 2 * y.cols);
  parallel_for(y.rows, 16,
               [&](int64_t begin, int64_t end) { table<T>().forward(gate_up, y, begin, end); });
}

template <typename T>
void swiglu_backward(In<T> gate_up, In<T> dy, Matrix<T> dgate_up) {
  GANTRY_CHECK(gate_up.rows == dy.rows && gate_up.cols == 2 * dy.cols);
  GANTRY_CHECK(dgate_up.rows == dy.rows && dgate_up.cols == gate_up.cols);
  parallel_for(dy.rows, 16, [&](int64_t begin, int64_t end) {
    table<T>().backward(gate_up, dy, dgate_up, begin, end);
  });
}

template void swiglu_forward<float>(In<float>, Matrix<float>);
template void swiglu_forward<bf16>(In<bf16>, Matrix<bf16>);
template void swiglu_backward<float>(In<float>, In<float>, Matrix<float>);
template void swiglu_backward<bf16>(In<bf16>, In<bf16>, Matrix<bf16>);

}  // namespace gantry
