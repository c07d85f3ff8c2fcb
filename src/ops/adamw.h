// AdamW (Loshchilov & Hutter 2019) as torch.optim.AdamW, fused: one pass over weight, gradient and
// both moments.
//   w -= rate * decay * w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2
//   w -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"

namespace gantry {

struct AdamW {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  int64_t step = 1;  // t, from 1
  float gradient_scale =
      1;  // every gradient is multiplied by this first (from clipping or accumulation)
};

// One range of n parameters with its own rate and decay. `compute` (bf16 copy) may be null.
// The gradient is left as it is.
void adamw_step(const AdamW& how, float rate, float weight_decay, int64_t n, float* weight,
                const float* gradient, float* m, float* v, bf16* compute = nullptr);

// Sum of squares in fp64, over fixed chunks: the same bits for any number of threads.
double sum_of_squares(const float* x, int64_t n);

// x *= factor: what decay alone does to rows no step touches.
void scale_in_place(float* x, int64_t n, float factor);
void fill_zero(void* data, int64_t bytes);

}  // namespace gantry
