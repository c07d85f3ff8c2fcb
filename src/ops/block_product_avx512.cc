#include "ops/block_product_kernels.h"

namespace gantry {

const BlockProductTable& block_product_table_avx512() { return isa_avx512::kBlockProductTable; }

}  // namespace gantry
