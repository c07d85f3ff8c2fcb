#include "ops/adamw_kernels.h"

namespace gantry {

const AdamWTable& adamw_table_avx2() { return isa_avx2::kAdamWTable; }

}  // namespace gantry
