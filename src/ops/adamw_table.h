// The kernels of adamw.h: one thread's elements.
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"

namespace gantry {

struct AdamWConstants {
  float gradient_scale;
  float keep;  // 1 - rate * weight_decay
  float beta1, one_minus_beta1, beta2, one_minus_beta2;
  float step_size;        // rate / (1 - beta1^t)
  float root_correction;  // 1 / sqrt(1 - beta2^t)
  float eps;
};

struct AdamWTable {
  void (*step)(const AdamWConstants& k, int64_t n, float* weight, const float* gradient, float* m,
               float* v, bf16* compute);
  double (*sum_of_squares)(const float* x, int64_t n);
  void (*scale)(float* x, int64_t n, float factor);
};

const AdamWTable& adamw_table_avx2();
const AdamWTable& adamw_table_avx512();

}  // namespace gantry
