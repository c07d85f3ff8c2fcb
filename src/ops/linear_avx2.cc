#include "ops/linear_kernels.h"

namespace gantry {

template <typename T>
const LinearTable<T>& linear_table_avx2() {
  return isa_avx2::kLinearTable<false, T>;
}
template const LinearTable<float>& linear_table_avx2<float>();
template const LinearTable<bf16>& linear_table_avx2<bf16>();

}  // namespace gantry
