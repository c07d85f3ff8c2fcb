#include "ops/paged_attention_kernels.h"

namespace gantry {

const PagedAttentionTable& paged_attention_table_avx2() { return isa_avx2::kPagedAttentionTable; }

}  // namespace gantry
