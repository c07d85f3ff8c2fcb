// Dropout by counter: whether element (row, column) of a site is kept is a function of
// (row_key[row], site, column) alone. Row keys come from the caller, a function of (seed, step,
// report, position), so that the mask does not depend on packing, on threads or on the instruction
// set; it is computed again in the backward pass, never stored.
//
// Each 32-bit hash decides two neighbouring columns by 16 bits each; an element is dropped iff its
// 16 bits are below threshold(). The kept ones are scaled by 1 / (1 - threshold / 65536), so that
// the mean is kept exactly.
#pragma once

#include <cstdint>

#include "tensor/matrix.h"

namespace gantry {

struct Dropout {
  float rate = 0;                      // 0 <= rate < 1; 0 costs nothing
  const uint64_t* row_keys = nullptr;  // [rows]; may be null where rate is 0
  uint32_t site = 0;  // which dropout of the model: distinct in each layer and place

  uint32_t threshold() const { return static_cast<uint32_t>(rate * 65536.0f + 0.5f); }
  bool active() const { return threshold() > 0; }
  float scale() const { return 65536.0f / static_cast<float>(65536u - threshold()); }
};

namespace dropout_hash {

inline uint32_t mix32(uint32_t x) {  // two rounds of the "lowbias32" kind (Wellons, 2018)
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x;
}
// The stream of one row at one site; `plane` tells attention heads apart.
inline uint32_t row_stream(uint64_t row_key, uint32_t site, uint32_t plane = 0) {
  uint64_t h = row_key ^ ((static_cast<uint64_t>(site) << 32 | plane) * 0x9e3779b97f4a7c15ull);
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
  return static_cast<uint32_t>(h ^ (h >> 32));
}
// 16 bits for a column of a row's stream.
inline uint32_t bits16(uint32_t stream, uint32_t column) {
  const uint32_t word = mix32(stream + (column >> 1) * 0x9e3779b9u);
  return (column & 1) ? word >> 16 : word & 0xffffu;
}

}  // namespace dropout_hash

inline bool dropout_keeps(const Dropout& d, int64_t row, uint32_t column) {
  return dropout_hash::bits16(dropout_hash::row_stream(d.row_keys[row], d.site), column) >=
         d.threshold();
}

// x = kept ? x * scale : 0, in place. Its own backward: apply it to the gradient.
template <typename T>
void dropout(const Dropout& d, Matrix<T> x);
// The same from x into y.
template <typename T>
void dropout(const Dropout& d, In<T> x, Matrix<T> y);

}  // namespace gantry
