#include "ops/linear_kernels.h"

namespace gantry {

template <typename T>
const LinearTable<T>& linear_table_avx512() {
  return isa_avx512::kLinearTable<false, T>;
}
template const LinearTable<float>& linear_table_avx512<float>();
template const LinearTable<bf16>& linear_table_avx512<bf16>();

const LinearTable<bf16>& linear_table_avx512_pairs() {
  return isa_avx512::kLinearTable<true, bf16>;
}

}  // namespace gantry
