#include "ops/rope_kernels.h"

namespace gantry {

template <typename T>
RopeRows<T> rope_rows_avx2() {
  return isa_avx2::rope_rows<T>;
}
template RopeRows<float> rope_rows_avx2<float>();
template RopeRows<bf16> rope_rows_avx2<bf16>();

}  // namespace gantry
