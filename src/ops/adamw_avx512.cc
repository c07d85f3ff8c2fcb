#include "ops/adamw_kernels.h"

namespace gantry {

const AdamWTable& adamw_table_avx512() { return isa_avx512::kAdamWTable; }

}  // namespace gantry
