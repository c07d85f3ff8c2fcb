#include "ops/linear_int8_kernels.h"

namespace gantry {

template <typename T>
const LinearInt8Table<T>& linear_int8_table_avx512() {
  return isa_avx512::kLinearInt8Table<T>;
}
template const LinearInt8Table<float>& linear_int8_table_avx512<float>();
template const LinearInt8Table<bf16>& linear_int8_table_avx512<bf16>();

}  // namespace gantry
