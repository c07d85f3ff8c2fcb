// ggml's blocks as unsigned codes with scales: weight = scale (code - zero) - minimum. For plain
// C++; block_codes_avx512.h has the types that matter most for 16 rows at once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "ops/simd.h"
#include "weights/block_types.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr bool has_codes(BlockType type) {
  return type != BlockType::f32 && type != BlockType::f16 && type != BlockType::bf16;
}
constexpr int zero_code(BlockType type) {
  switch (type) {
    case BlockType::q4_0:
      return 8;
    case BlockType::q5_0:
      return 16;
    case BlockType::q8_0:
      return 128;
    case BlockType::q6_k:
      return 32;
    default:
      return 0;
  }
}
constexpr bool has_minimum(BlockType type) {
  return type == BlockType::q4_1 || type == BlockType::q5_1 || type == BlockType::q4_k ||
         type == BlockType::q5_k;
}
// Weights that share a scale.
constexpr int scale_group(BlockType type) { return type == BlockType::q6_k ? 16 : 32; }

// 32 weights of one row.
struct Codes32 {
  uint8_t code[32];
  float scale[2];  // of each 16; both alike where they share one
  float minimum;
};

GANTRY_INLINE float half_to_float(const uint8_t* at) {
  uint16_t h;
  std::memcpy(&h, at, 2);
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t magnitude = h & 0x7fff;
  if (magnitude < 0x0400) {  // zero and subnormal: magnitude 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign ? -value : value;
  }
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude << 13));
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000));
}

GANTRY_INLINE void nibbles(const uint8_t* from, uint32_t fifth, Codes32& out) {
  for (int j = 0; j < 16; ++j) {
    out.code[j] = static_cast<uint8_t>((from[j] & 15) | (fifth >> j & 1) << 4);
    out.code[j + 16] = static_cast<uint8_t>(from[j] >> 4 | (fifth >> (j + 16) & 1) << 4);
  }
}

// The 32 weights from 32 `index` of a row.
template <BlockType kType>
inline void codes_at(const uint8_t* row, int64_t index, Codes32& out) {
  uint32_t fifth = 0;
  out.minimum = 0;
  if constexpr (kType == BlockType::q4_0) {
    const uint8_t* b = row + index * 18;
    nibbles(b + 2, 0, out);
    out.scale[0] = out.scale[1] = half_to_float(b);
  } else if constexpr (kType == BlockType::q4_1) {
    const uint8_t* b = row + index * 20;
    nibbles(b + 4, 0, out);
    out.scale[0] = out.scale[1] = half_to_float(b);
    out.minimum = -half_to_float(b + 2);
  } else if constexpr (kType == BlockType::q5_0) {
    const uint8_t* b = row + index * 22;
    std::memcpy(&fifth, b + 2, 4);
    nibbles(b + 6, fifth, out);
    out.scale[0] = out.scale[1] = half_to_float(b);
  } else if constexpr (kType == BlockType::q5_1) {
    const uint8_t* b = row + index * 24;
    std::memcpy(&fifth, b + 4, 4);
    nibbles(b + 8, fifth, out);
    out.scale[0] = out.scale[1] = half_to_float(b);
    out.minimum = -half_to_float(b + 2);
  } else if constexpr (kType == BlockType::q8_0) {
    const uint8_t* b = row + index * 34;
    for (int j = 0; j < 32; ++j) out.code[j] = b[2 + j] ^ 0x80;
    out.scale[0] = out.scale[1] = half_to_float(b);
  } else if constexpr (kType == BlockType::q4_k || kType == BlockType::q5_k) {
    constexpr bool kFive = kType == BlockType::q5_k;
    const uint8_t* b = row + index / 8 * (kFive ? 176 : 144);
    const int j = static_cast<int>(index % 8);
    const uint8_t* packed = b + 4;
    int scale, minimum;
    if (j < 4) {
      scale = packed[j] & 63;
      minimum = packed[j + 4] & 63;
    } else {
      scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
      minimum = (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
    }
    const uint8_t* low = b + (kFive ? 48 : 16) + j / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      int q = j % 2 == 0 ? low[l] & 15 : low[l] >> 4;
      if constexpr (kFive) q |= (b[16 + l] >> j & 1) << 4;
      out.code[l] = static_cast<uint8_t>(q);
    }
    out.scale[0] = out.scale[1] = half_to_float(b) * static_cast<float>(scale);
    out.minimum = half_to_float(b + 2) * static_cast<float>(minimum);
  } else if constexpr (kType == BlockType::q6_k) {
    const uint8_t* b = row + index / 8 * 210;
    const int j = static_cast<int>(index % 8), half = j / 4, quarter = j % 4;
    const uint8_t* low = b + half * 64 + quarter % 2 * 32;
    const uint8_t* high = b + 128 + half * 32;
    for (int l = 0; l < 32; ++l) {
      const int nibble = quarter < 2 ? low[l] & 15 : low[l] >> 4;
      out.code[l] = static_cast<uint8_t>(nibble | (high[l] >> (2 * quarter) & 3) << 4);
    }
    const float d = half_to_float(b + 208);
    for (int i = 0; i < 2; ++i) {
      out.scale[i] =
          d * static_cast<float>(static_cast<int8_t>(b[192 + half * 8 + quarter * 2 + i]));
    }
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
