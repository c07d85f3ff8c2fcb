// The kernels of log_sum_exp.h.
#pragma once

#include "ops/log_sum_exp.h"

namespace gantry {

struct LogSumExpTable {
  RowSummary (*row)(std::span<const float>);
};
const LogSumExpTable& log_sum_exp_table_avx2();
const LogSumExpTable& log_sum_exp_table_avx512();

}  // namespace gantry
