#include "ops/paged_attention_kernels.h"

namespace gantry {

const PagedAttentionTable& paged_attention_table_avx512() {
  return isa_avx512::kPagedAttentionTable;
}

}  // namespace gantry
