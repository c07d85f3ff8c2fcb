#include "ops/label_loss_kernels.h"

namespace gantry {

LabelLossRow label_loss_row_avx2() { return isa_avx2::label_loss_row; }

}  // namespace gantry
