// The code of rope.h for one instruction set.
#pragma once

#include "ops/rope_table.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

template <typename T>
void rope_rows(const RopeCall<T>& call, int64_t begin, int64_t end) {
  const int64_t half = call.table->half();
  const float turn = call.inverse ? -1.0f : 1.0f;
  for (int64_t r = begin; r < end; ++r) {
    const float* cos = call.table->at(call.positions[r]);
    const float* sin = cos + half;
    for (T* head = call.x.row(r); head < call.x.row(r) + call.x.cols; head += 2 * half) {
      for_lanes(half, [&](int64_t c, auto lanes) {
        const VF a = lanes.load(head + c), b = lanes.load(head + half + c);
        const VF k = lanes.load(cos + c), s = lanes.load(sin + c) * set1(turn);
        lanes.store(head + c, a * k - b * s);
        lanes.store(head + half + c, fma(b, k, a * s));
      });
    }
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
