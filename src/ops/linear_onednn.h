// bf16 products by oneDNN, for processors with AMX tiles, whose rate no vector kernel reaches. The
// same operations as linear.h, which calls these where use_onednn() says so.
#pragma once

#include "ops/linear.h"

namespace gantry {

// True where oneDNN has AMX on this processor, unless set. Without AMX its bf16 products are slower
// than ours (measured on Emerald Rapids without AMX: 85 against 165 GFLOP/s a core).
bool use_onednn();
void set_use_onednn(bool on);

// A weight in bf16, row-major [out, in] (the Hugging Face layout).
struct OneDnnWeight {
  const bf16* data;
  int64_t in, out;
};

// y = x W^T (+ bias), in bf16; or, where `sums` is given, in fp32 into it [rows, out].
void onednn_forward(Matrix<const bf16> x, const OneDnnWeight& weight, const float* bias,
                    Matrix<bf16> y, float* sums);
// dx = dy W.
void onednn_backward_data(Matrix<const bf16> dy, const OneDnnWeight& weight, Matrix<bf16> dx,
                          float* sums);
// dw [out, in] = or += dy^T x.
void onednn_backward_weight(Matrix<const bf16> dy, Matrix<const bf16> x, float* dw,
                            bool accumulate);

}  // namespace gantry
