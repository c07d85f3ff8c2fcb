// The mask of dropout.h on vectors: 0 or the scale for the elements of one row.
#pragma once

#include "ops/dropout.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

GANTRY_INLINE VI mix32(VI x) {
  x = x ^ shr<16>(x);
  x = x * iset1(0x7feb352du);
  x = x ^ shr<15>(x);
  x = x * iset1(0x846ca68bu);
  return x ^ shr<16>(x);
}

// One row's mask. keep(column, x): the kLanes elements from an even multiple of kLanes on, scaled
// or dropped.
struct DropoutRow {
  uint32_t stream = 0;
  uint32_t threshold = 0;
  float scale = 1;

  // Factors (0 or scale) of columns [column, column + 2 kLanes), column even. `even` holds those of
  // columns column, column + 2, ...; factors() puts them in order.
  GANTRY_INLINE void factors(uint32_t column, VF& first_half, VF& second_half) const {
    const VI word = mix32(iset1(stream) + (iota() + iset1(column >> 1)) * iset1(0x9e3779b9u));
    VI low, high;
    interleave(word & iset1(0xffffu), shr<16>(word), low, high);
    const VF kept = set1(scale);
    first_half = select(ilt(low, iset1(threshold)), zero(), kept);
    second_half = select(ilt(high, iset1(threshold)), zero(), kept);
  }
};

GANTRY_INLINE DropoutRow dropout_row(const Dropout& d, int64_t row, uint32_t plane = 0) {
  return {dropout_hash::row_stream(d.row_keys[row], d.site, plane), d.threshold(), d.scale()};
}

// The factors of a whole row, 1 where dropout is off, into `out` with room for cols rounded up to 2
// kLanes.
GANTRY_INLINE void dropout_factors(const DropoutRow& row, int64_t cols, float* out) {
  for (int64_t c = 0; c < cols; c += 2 * kLanes) {
    VF a, b;
    row.factors(static_cast<uint32_t>(c), a, b);
    store(out + c, a);
    store(out + c + kLanes, b);
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
