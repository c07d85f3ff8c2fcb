#include "ops/segment_attention_kernels.h"

namespace gantry {

template <typename T>
const SegmentAttentionTable<T>& segment_attention_table_avx2() {
  return isa_avx2::kSegmentAttentionTable<T>;
}
template const SegmentAttentionTable<float>& segment_attention_table_avx2<float>();
template const SegmentAttentionTable<bf16>& segment_attention_table_avx2<bf16>();

}  // namespace gantry
