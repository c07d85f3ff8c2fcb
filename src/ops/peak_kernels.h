// The code of peak.h for one instruction set.
#pragma once

#include "ops/gemm_simd.h"

namespace gantry::GANTRY_ISA {
namespace {

// `steps` steps of independent multiply-adds; returns the operations done.
template <bool kPairs>
double multiply_add_loop(int64_t steps, float seed) {
  constexpr int kSums = kLanes == 16 ? 24 : 12;
  const VF x = set1(seed);
  VF sum[kSums];
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sum[i] = set1(static_cast<float>(i));
  for (int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) sum[i] = multiply_add<kPairs>(x, x, sum[i]);
  }
  VF total = zero();
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) total = total + sum[i];
  volatile float sink = reduce_add(total);
  (void)sink;
  return static_cast<double>(steps) * kSums * kLanes * 2 * (kPairs ? 2 : 1);
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
