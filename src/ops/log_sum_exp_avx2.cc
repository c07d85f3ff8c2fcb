#include "ops/log_sum_exp_kernels.h"

namespace gantry {

const LogSumExpTable& log_sum_exp_table_avx2() { return isa_avx2::kLogSumExpTable; }

}  // namespace gantry
