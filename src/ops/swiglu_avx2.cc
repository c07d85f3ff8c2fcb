#include "ops/swiglu_kernels.h"

namespace gantry {

template <typename T>
const SwigluTable<T>& swiglu_table_avx2() {
  return isa_avx2::kSwigluTable<T>;
}
template const SwigluTable<float>& swiglu_table_avx2<float>();
template const SwigluTable<bf16>& swiglu_table_avx2<bf16>();

}  // namespace gantry
