#include "ops/log_sum_exp_kernels.h"

namespace gantry {

const LogSumExpTable& log_sum_exp_table_avx512() { return isa_avx512::kLogSumExpTable; }

}  // namespace gantry
