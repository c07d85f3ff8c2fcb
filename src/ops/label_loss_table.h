// The kernel of label_loss.h: one row.
#pragma once

#include <cstdint>

namespace gantry {

// factor null: the row stays as it is. Returns the log-probability of the label.
using LabelLossRow = float (*)(float* row, int64_t columns, int32_t label, const float* factor);
LabelLossRow label_loss_row_avx2();
LabelLossRow label_loss_row_avx512();

}  // namespace gantry
