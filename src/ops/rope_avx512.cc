#include "ops/rope_kernels.h"

namespace gantry {

template <typename T>
RopeRows<T> rope_rows_avx512() {
  return isa_avx512::rope_rows<T>;
}
template RopeRows<float> rope_rows_avx512<float>();
template RopeRows<bf16> rope_rows_avx512<bf16>();

}  // namespace gantry
