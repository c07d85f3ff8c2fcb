#include "ops/label_loss.h"

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/label_loss_kernels.h"

namespace gantry {

void label_loss(Matrix<float> logits, const int32_t* labels, const float* factors,
                float* log_probabilities) {
  static constexpr LabelLossRow portable = isa_portable::label_loss_row;
  const LabelLossRow avx2 = label_loss_row_avx2(), avx512 = label_loss_row_avx512();
  const LabelLossRow row = pick(portable, avx2, avx512);
  for (int64_t i = 0; i < logits.rows; ++i) {
    GANTRY_CHECK(labels[i] >= 0 && labels[i] < logits.cols);
  }
  parallel_for(logits.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      log_probabilities[i] =
          row(logits.row(i), logits.cols, labels[i], factors ? factors + i : nullptr);
    }
  });
}

}  // namespace gantry
