// bfloat16 <-> float by plain loops, compiled for each instruction set; the compilers vectorise
// them.
#pragma once

#include "tensor/bfloat16.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace gantry::convert_kernels {
namespace {

inline void narrow(const float* from, bf16* to, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512BF16__)
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + i)));
  }
#endif
  for (; i < n; ++i) to[i] = to_bf16(from[i]);
}

inline void widen(const bf16* from, float* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = to_float(from[i]);
}

}  // namespace
}  // namespace gantry::convert_kernels
