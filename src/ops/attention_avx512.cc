#include "ops/attention_kernels.h"

namespace gantry {

template <typename T>
const AttentionTable<T>& attention_table_avx512() {
  return isa_avx512::kAttentionTable<T>;
}
template const AttentionTable<float>& attention_table_avx512<float>();
template const AttentionTable<bf16>& attention_table_avx512<bf16>();

}  // namespace gantry
