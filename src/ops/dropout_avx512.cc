#include "ops/dropout_kernels.h"

namespace gantry {

template <typename T>
const DropoutTable<T>& dropout_table_avx512() {
  static constexpr DropoutTable<T> table = {isa_avx512::dropout_one_row<T>};
  return table;
}
template const DropoutTable<float>& dropout_table_avx512<float>();
template const DropoutTable<bf16>& dropout_table_avx512<bf16>();

}  // namespace gantry
