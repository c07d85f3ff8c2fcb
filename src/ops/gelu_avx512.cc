#include "ops/gelu_kernels.h"

namespace gantry {

template <typename T>
const ActivationTable<T>& activation_table_avx512() {
  static constexpr ActivationTable<T> table = isa_avx512::activation_table<T>();
  return table;
}
template const ActivationTable<float>& activation_table_avx512<float>();
template const ActivationTable<bf16>& activation_table_avx512<bf16>();

}  // namespace gantry
