#include "ops/dropout_kernels.h"

namespace gantry {

template <typename T>
const DropoutTable<T>& dropout_table_avx2() {
  static constexpr DropoutTable<T> table = {isa_avx2::dropout_one_row<T>};
  return table;
}
template const DropoutTable<float>& dropout_table_avx2<float>();
template const DropoutTable<bf16>& dropout_table_avx2<bf16>();

}  // namespace gantry
