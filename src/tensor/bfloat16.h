// bfloat16: the upper half of a float. Converted to by rounding to nearest, ties to even.
#pragma once

#include <bit>
#include <cstdint>

namespace gantry {

struct bf16 {
  uint16_t bits;
};
static_assert(sizeof(bf16) == 2);

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

inline bf16 to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u)
    return {static_cast<uint16_t>((u >> 16) | 0x40)};  // quiet NaN
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16)};
}

template <typename T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
  return to_bf16(x);
}

// n elements, in parallel, vectorised. Source and destination do not overlap.
void convert(const float* from, bf16* to, int64_t n);
void convert(const bf16* from, float* to, int64_t n);
void convert(const float* from, float* to, int64_t n);

}  // namespace gantry
