#include "ops/label_loss_kernels.h"

namespace gantry {

LabelLossRow label_loss_row_avx512() { return isa_avx512::label_loss_row; }

}  // namespace gantry
