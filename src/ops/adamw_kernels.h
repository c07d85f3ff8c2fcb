// The code of adamw.h for one instruction set.
#pragma once

#include "ops/adamw_table.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

void adamw_elements(const AdamWConstants& k, int64_t n, float* weight, const float* gradient,
                    float* m, float* v, bf16* compute) {
  for_lanes(n, [&](int64_t i, auto lanes) {
    const VF g = lanes.load(gradient + i) * set1(k.gradient_scale);
    const VF mean = fma(set1(k.one_minus_beta1), g, set1(k.beta1) * lanes.load(m + i));
    const VF square = fma(set1(k.one_minus_beta2) * g, g, set1(k.beta2) * lanes.load(v + i));
    const VF root = fma(sqrt(square), set1(k.root_correction), set1(k.eps));
    const VF w = lanes.load(weight + i) * set1(k.keep) - set1(k.step_size) * mean / root;
    lanes.store(m + i, mean);
    lanes.store(v + i, square);
    lanes.store(weight + i, w);
    if (compute) lanes.store(compute + i, w);
  });
}

// Blocks of 256 elements in fp32, whose sums are added in fp64.
double sum_of_squares_elements(const float* x, int64_t n) {
  constexpr int64_t kBlock = 256;
  double total = 0;
  for (int64_t b = 0; b < n; b += kBlock) {
    VF sum = zero();
    for_lanes(n - b < kBlock ? n - b : kBlock, [&](int64_t i, auto lanes) {
      const VF e = lanes.load(x + b + i);
      sum = fma(e, e, sum);
    });
    total += reduce_add(sum);
  }
  return total;
}

void scale_elements(float* x, int64_t n, float factor) {
  for_lanes(n,
            [&](int64_t i, auto lanes) { lanes.store(x + i, lanes.load(x + i) * set1(factor)); });
}

constexpr AdamWTable kAdamWTable = {adamw_elements, sum_of_squares_elements, scale_elements};

}  // namespace
}  // namespace gantry::GANTRY_ISA
