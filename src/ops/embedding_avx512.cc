#include "ops/embedding_kernels.h"

namespace gantry {

template <typename T>
const EmbeddingKernels<T>& embedding_kernels_avx512() {
  static constexpr EmbeddingKernels<T> table = {isa_avx512::embedding_forward_rows<T>,
                                                isa_avx512::embedding_backward_rows<T>};
  return table;
}
template const EmbeddingKernels<float>& embedding_kernels_avx512<float>();
template const EmbeddingKernels<bf16>& embedding_kernels_avx512<bf16>();

}  // namespace gantry
