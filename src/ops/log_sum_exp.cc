#include "ops/log_sum_exp.h"

#include "base/error.h"
#include "ops/dispatch.h"
#include "ops/log_sum_exp_kernels.h"

namespace gantry {

RowSummary summarise_row(std::span<const float> row) {
  GANTRY_CHECK(!row.empty());
  return pick(isa_portable::kLogSumExpTable, log_sum_exp_table_avx2(), log_sum_exp_table_avx512())
      .row(row);
}

}  // namespace gantry
