#include "ops/dropout.h"

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/dropout_kernels.h"

namespace gantry {

template <typename T>
void dropout(const Dropout& d, Matrix<T> x) {
  if (d.active()) dropout<T>(d, x, x);
}

template <typename T>
void dropout(const Dropout& d, In<T> x, Matrix<T> y) {
  GANTRY_CHECK(d.rate < 1 && d.row_keys != nullptr && x.rows == y.rows && x.cols == y.cols);
  static constexpr DropoutTable<T> portable = {isa_portable::dropout_one_row<T>};
  const auto& table = pick(portable, dropout_table_avx2<T>(), dropout_table_avx512<T>());
  parallel_for(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) table.row(d, r, x.row(r), y.row(r), x.cols);
  });
}

template void dropout<float>(const Dropout&, Matrix<float>);
template void dropout<bf16>(const Dropout&, Matrix<bf16>);
template void dropout<float>(const Dropout&, In<float>, Matrix<float>);
template void dropout<bf16>(const Dropout&, In<bf16>, Matrix<bf16>);

}  // namespace gantry
