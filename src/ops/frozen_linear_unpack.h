// A panel of a frozen weight as floats, for one instruction set.
#pragma once

#include <cstring>

#include "ops/frozen_linear_table.h"
#include "ops/gemm_simd.h"

namespace gantry::GANTRY_ISA {
namespace {

#if defined(__AVX512BF16__)
struct Nf4Lookup {
  __m512 levels = _mm512_loadu_ps(kNf4Levels);
  // kLanes levels by the low 4 bits (kHigh: the high ones) of as many bytes.
  template <bool kHigh>
  GANTRY_INLINE VF operator()(const uint8_t* bytes) const {
    __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
    if (kHigh) index = _mm512_srli_epi32(index, 4);
    return {_mm512_permutexvar_ps(index, levels)};  // reads 4 bits of each index
  }
};
GANTRY_INLINE VF widen_int8(const int8_t* p) {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
#elif defined(__AVX2__)
struct Nf4Lookup {
  __m256 low = _mm256_loadu_ps(kNf4Levels), high = _mm256_loadu_ps(kNf4Levels + 8);
  template <bool kHigh>
  GANTRY_INLINE VF operator()(const uint8_t* bytes) const {
    __m256i index = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
    if (kHigh) index = _mm256_srli_epi32(index, 4);
    const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));  // bit 3 as the sign
    return {_mm256_blendv_ps(_mm256_permutevar8x32_ps(low, index),
                             _mm256_permutevar8x32_ps(high, index), upper)};
  }
};
GANTRY_INLINE VF widen_int8(const int8_t* p) {
  return {_mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
#else
struct Nf4Lookup {
  template <bool kHigh>
  GANTRY_INLINE VF operator()(const uint8_t* bytes) const {
    float v[kLanes];
    for (int i = 0; i < kLanes; ++i) v[i] = kNf4Levels[kHigh ? bytes[i] >> 4 : bytes[i] & 15];
    return load(v);
  }
};
GANTRY_INLINE VF widen_int8(const int8_t* p) {
  float v[kLanes];
  for (int i = 0; i < kLanes; ++i) v[i] = static_cast<float>(p[i]);
  return load(v);
}
#endif

// Scales of kNr rows from `row` on in block `block` of panel p.
GANTRY_INLINE void nf4_scales(const FrozenStore& w, int64_t p, int64_t block, int64_t row,
                              VF (&scale)[kNv]) {
  const float* group = w.nf4_groups(p) + 2 * (block / FrozenStore::kBlocksAGroup);
  const uint8_t* codes = w.nf4_codes(p) + block * FrozenStore::kRows + row;
  for (int v = 0; v < kNv; ++v) {
    float c[kLanes];
    for (int i = 0; i < kLanes; ++i) c[i] = static_cast<float>(codes[v * kLanes + i]);
    scale[v] = fma(load(c), set1(group[1]), set1(group[0]));
  }
}

template <bool kHigh>
GANTRY_INLINE void unpack_nf4(const FrozenStore& w, int64_t p, int64_t row, int64_t begin,
                              int64_t end, float* out) {
  const Nf4Lookup lookup;
  const uint8_t* bytes = w.panel(p) + row % 16;
  for (int64_t k = begin; k < end;) {
    const int64_t block = k / kNf4Block, last = std::min<int64_t>(end, (block + 1) * kNf4Block);
    VF scale[kNv];
    nf4_scales(w, p, block, row, scale);
    for (; k < last; ++k, out += kNr) {
      const uint8_t* at = bytes + k * 16;
      if constexpr (kNr == 32) {  // the low bits are the first vector, the high ones the second
        store(out, lookup.template operator()<false>(at) * scale[0]);
        store(out + kLanes, lookup.template operator()<true>(at) * scale[1]);
      } else {
        for (int v = 0; v < kNv; ++v) {
          store(out + v * kLanes, lookup.template operator()<kHigh>(at + v * kLanes) * scale[v]);
        }
      }
    }
  }
}

// out[k - begin][kNr]: elements [begin, end) along k of rows [row, row + kNr) of panel p.
inline void unpack_rows(const FrozenStore& w, int64_t p, int64_t row, int64_t begin, int64_t end,
                        float* out) {
  constexpr int64_t rows = FrozenStore::kRows;
  const uint8_t* panel = w.panel(p);
  switch (w.type) {
    case FrozenType::f32: {
      const float* from = reinterpret_cast<const float*>(panel) + begin * rows + row;
      for (int64_t k = begin; k < end; ++k, from += rows, out += kNr) {
        for (int v = 0; v < kNv; ++v) store(out + v * kLanes, load(from + v * kLanes));
      }
      return;
    }
    case FrozenType::bf16: {
      const bf16* from = reinterpret_cast<const bf16*>(panel) + begin * rows + row;
      for (int64_t k = begin; k < end; ++k, from += rows, out += kNr) {
        for (int v = 0; v < kNv; ++v) store(out + v * kLanes, load(from + v * kLanes));
      }
      return;
    }
    case FrozenType::int8: {
      const int8_t* from = reinterpret_cast<const int8_t*>(panel) + begin * rows + row;
      VF scale[kNv];
      for (int v = 0; v < kNv; ++v) scale[v] = load(w.int8_scales(p) + row + v * kLanes);
      for (int64_t k = begin; k < end; ++k, from += rows, out += kNr) {
        for (int v = 0; v < kNv; ++v) {
          store(out + v * kLanes, widen_int8(from + v * kLanes) * scale[v]);
        }
      }
      return;
    }
    case FrozenType::nf4:
      if (row >= 16) return unpack_nf4<true>(w, p, row, begin, end, out);
      return unpack_nf4<false>(w, p, row, begin, end, out);
  }
}

// to[c][r] = from[r][c], both kNr wide.
GANTRY_INLINE void transpose_square(const float* from, float* to) {
#if defined(__AVX512BF16__)
  for (int r = 0; r < kNr; r += 16) {
    for (int c = 0; c < kNr; c += 16) {
      __m512i block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) block[i] = _mm512_loadu_si512(from + (r + i) * kNr + c);
      transpose16(block);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + (c + i) * kNr + r, block[i]);
    }
  }
#else
  for (int r = 0; r < kNr; ++r) {
    for (int c = 0; c < kNr; ++c) to[c * kNr + r] = from[r * kNr + c];
  }
#endif
}

// The right-hand side of dx = dy W: out[o - begin][kNr], rows [begin, end) of W (begin a multiple
// of 32, end of kNr), its elements [column, column + kNr) along k.
inline void unpack_columns(const FrozenStore& w, int64_t column, int64_t begin, int64_t end,
                           float* out) {
  alignas(64) float square[kNr * kNr];
  const int64_t live = std::min<int64_t>(kNr, w.depth() - column);
  for (int64_t row = begin; row < end; row += kNr, out += kNr * kNr) {
    unpack_rows(w, row / FrozenStore::kRows, row % FrozenStore::kRows, column, column + live,
                square);
    if (live < kNr) {
      std::memset(square + live * kNr, 0, static_cast<size_t>((kNr - live) * kNr) * sizeof(float));
    }
    transpose_square(square, out);
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
