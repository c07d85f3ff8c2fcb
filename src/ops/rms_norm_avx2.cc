#include "ops/rms_norm_kernels.h"

namespace gantry {

template <typename T>
const RmsNormTable<T>& rms_norm_table_avx2() {
  return isa_avx2::kRmsNormTable<T>;
}
template const RmsNormTable<float>& rms_norm_table_avx2<float>();
template const RmsNormTable<bf16>& rms_norm_table_avx2<bf16>();

}  // namespace gantry
