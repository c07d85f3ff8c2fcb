#include "ops/layer_norm_kernels.h"

namespace gantry {

template <typename T>
const LayerNormTable<T>& layer_norm_table_avx2() {
  static constexpr LayerNormTable<T> table = {isa_avx2::layer_norm_forward_rows<T>,
                                              isa_avx2::layer_norm_backward_rows<T>};
  return table;
}
template const LayerNormTable<float>& layer_norm_table_avx2<float>();
template const LayerNormTable<bf16>& layer_norm_table_avx2<bf16>();

}  // namespace gantry
