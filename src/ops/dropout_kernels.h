// The code of dropout.h for one instruction set.
#pragma once

#include "ops/dropout_simd.h"
#include "ops/dropout_table.h"

namespace gantry::GANTRY_ISA {
namespace {

template <typename T>
void dropout_one_row(const Dropout& d, int64_t r, const T* x, T* y, int64_t cols) {
  const DropoutRow row = dropout_row(d, r);
  for (int64_t c = 0; c < cols; c += 2 * kLanes) {
    VF factor[2];
    row.factors(static_cast<uint32_t>(c), factor[0], factor[1]);
    for (int h = 0; h < 2; ++h) {
      const T* p = x + c + h * kLanes;
      T* to = y + c + h * kLanes;
      const int64_t left = cols - c - h * kLanes;
      if (left >= kLanes) {
        store(to, load(p) * factor[h]);
      } else if (left > 0) {
        store_n(to, load_n(p, left) * factor[h], left);
      }
    }
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
