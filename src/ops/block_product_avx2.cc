#include "ops/block_product_kernels.h"

namespace gantry {

const BlockProductTable& block_product_table_avx2() { return isa_avx2::kBlockProductTable; }

}  // namespace gantry
