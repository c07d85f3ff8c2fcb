#include "ops/frozen_linear_kernels.h"

namespace gantry {

template <typename X, typename Y>
const FrozenTable<X, Y>& frozen_table_avx512() {
  return isa_avx512::kFrozenTable<X, Y>;
}
template const FrozenTable<float, float>& frozen_table_avx512<float, float>();
template const FrozenTable<bf16, bf16>& frozen_table_avx512<bf16, bf16>();
template const FrozenTable<bf16, float>& frozen_table_avx512<bf16, float>();
template const FrozenTable<float, bf16>& frozen_table_avx512<float, bf16>();

}  // namespace gantry
