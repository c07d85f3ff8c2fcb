#include "ops/attention_kernels.h"

namespace gantry {

template <typename T>
const AttentionTable<T>& attention_table_avx2() {
  return isa_avx2::kAttentionTable<T>;
}
template const AttentionTable<float>& attention_table_avx2<float>();
template const AttentionTable<bf16>& attention_table_avx2<bf16>();

}  // namespace gantry
