// The heart of every matrix product here: a tile of kMr x kNr sums held in registers, and the
// packing that feeds it.
//
// Both operands come as 32-bit words along k. A word is a float (kPairs false; bf16 is widened when
// packed), or two neighbouring bf16 values along k (kPairs true, vdpbf16ps). So the same layouts
// serve both:
//   B panel: [k words][kNr words].
//   A by rows: [chunk of 16 k words][rows][16]: a row's words lie together, so that a row-major
//   matrix is copied
//     without a transpose, and the tile reads every word at a constant offset from one pointer.
//   A by k: [k words][stride]: for products over rows (dW = dy^T x), again copied without a
//   transpose.
// Sizes (AVX-512): 14 x 2 vectors = 28 sums + 2 of B + 1 of A = 31 of 32 registers; 16 loads feed
// 28 multiply-adds, so two multiply-adds a cycle are not held up by two loads a cycle.
#pragma once

#include <algorithm>

#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

#if defined(__AVX512BF16__)
constexpr int kMr = 14;
#elif defined(__AVX2__)
constexpr int kMr = 6;
#else
constexpr int kMr = 4;
#endif
constexpr int kNv = 2;             // vectors a tile row
constexpr int kNr = kNv * kLanes;  // columns of a tile and of a panel
constexpr int kChunk = 16;         // k words of A that lie together for one row

constexpr int64_t words_of(int64_t k, bool pairs) { return pairs ? (k + 1) / 2 : k; }
constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

template <bool kPairs>
GANTRY_INLINE VF multiply_add(VF a, VF b, VF c) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs) return {_mm512_dpbf16_ps(c.v, (__m512bh)a.v, (__m512bh)b.v)};
#endif
  return fma(a, b, c);
}

template <int kRows>
struct Tile {
  VF sum[kRows][kNv];

  GANTRY_INLINE void clear() {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kNv; ++v) sum[r][v] = zero();
    }
  }
  GANTRY_INLINE void load(const float* from, int64_t ld) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kNv; ++v) sum[r][v] = GANTRY_ISA::load(from + r * ld + v * kLanes);
    }
  }
  GANTRY_INLINE void add(const float* from, int64_t ld) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kNv; ++v) {
        sum[r][v] = sum[r][v] + GANTRY_ISA::load(from + r * ld + v * kLanes);
      }
    }
  }
  GANTRY_INLINE void store(float* to, int64_t ld) const {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kNv; ++v) GANTRY_ISA::store(to + r * ld + v * kLanes, sum[r][v]);
    }
  }
  // One k word: `a` points at the word of row 0, rows are kStride apart; `b` at kNr words.
  template <bool kPairs, int kStride>
  GANTRY_INLINE void step(const float* a, const float* b) {
    VF column[kNv];
    for (int v = 0; v < kNv; ++v) column[v] = GANTRY_ISA::load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const VF x = set1(a[r * kStride]);
      for (int v = 0; v < kNv; ++v) sum[r][v] = multiply_add<kPairs>(x, column[v], sum[r][v]);
    }
  }
  // A by rows: `chunks` chunks of 16 words, `chunk_stride` words from one to the next.
  template <bool kPairs>
  GANTRY_INLINE void run_by_rows(const float* a, int64_t chunk_stride, const float* b,
                                 int64_t chunks) {
    for (int64_t c = 0; c < chunks; ++c) {
#pragma GCC unroll 4
      for (int k = 0; k < kChunk; ++k) step<kPairs, kChunk>(a + k, b + k * kNr);
      a += chunk_stride;
      b += kChunk * kNr;
    }
  }
  // A by k: `words` steps, `stride` words from one to the next.
  template <bool kPairs>
  GANTRY_INLINE void run_by_k(const float* a, int64_t stride, const float* b, int64_t words) {
    for (int64_t k = 0; k < words; ++k) step<kPairs, 1>(a + k * stride, b + k * kNr);
  }
};

// ---- words ----

// kLanes words along k from column `k` words on of a row with `left` elements from there (may be <=
// 0: zeros).
template <bool kPairs, typename T>
GANTRY_INLINE VF words_along(const T* p, int64_t left) {
  if constexpr (!kPairs) {
    return left >= kLanes ? load(p) : left > 0 ? load_n(p, left) : zero();
  } else {
#if defined(__AVX512BF16__)
    if constexpr (sizeof(T) == 2) {
      const uint64_t live = left >= 32 ? ~0ull : left > 0 ? (1ull << left) - 1 : 0;
      return {_mm512_castsi512_ps(_mm512_maskz_loadu_epi16(static_cast<__mmask32>(live), p))};
    } else {
      const VF low = left >= 16 ? load(p) : left > 0 ? load_n(p, left) : zero();
      const VF high = left >= 32 ? load(p + 16) : left > 16 ? load_n(p + 16, left - 16) : zero();
      return {(__m512)_mm512_cvtne2ps_pbh(high.v, low.v)};
    }
#else
    return zero();
#endif
  }
}

// kLanes words across k: columns of one row (float), or of two neighbouring rows woven (pairs;
// `second` null: zeros). `left` columns remain.
template <bool kPairs, typename T>
GANTRY_INLINE VF words_across(const T* row, const T* second, int64_t left) {
  const VF a = left >= kLanes ? load(row) : left > 0 ? load_n(row, left) : zero();
  if constexpr (!kPairs) {
    return a;
  } else {
#if defined(__AVX512BF16__)
    VF b = zero();
    if (second) b = left >= kLanes ? load(second) : left > 0 ? load_n(second, left) : zero();
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a.v));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b.v));
    return {_mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)))};
#else
    (void)second;
    return zero();
#endif
  }
}

// ---- packing ----

// A by rows: `live` of `rows` rows of x (the others as zeros), k elements each, to
// out[chunk * chunk_stride + row * 16 + word].
template <bool kPairs, typename T>
GANTRY_INLINE void pack_rows(const T* x, int64_t ld, int64_t live, int64_t rows, int64_t k,
                             int64_t chunk_stride, float* out) {
  constexpr int64_t per_word = kPairs ? 2 : 1;
  const int64_t chunks = round_up(words_of(k, kPairs), kChunk) / kChunk;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * ld;
    for (int64_t c = 0; c < chunks; ++c) {
      float* to = out + c * chunk_stride + r * kChunk;
      for (int64_t w = 0; w < kChunk; w += kLanes) {
        const int64_t at = (c * kChunk + w) * per_word;
        store(to + w, r < live ? words_along<kPairs>(row + at, k - at) : zero());
      }
    }
  }
}

// From a matrix whose rows run along k, `blocks` neighbouring blocks of columns at once, so that a
// line of memory is read once: block b starts at column b * block_columns and goes to
// out + b * block_stride as [word][width] (a multiple of kLanes, of which block_columns matter).
// `left` columns remain from x on; k rows, zeros up to `words`. B panels and A by k are such
// blocks.
template <bool kPairs, typename T>
GANTRY_INLINE void pack_across(const T* x, int64_t ld, int64_t k, int64_t words, int64_t left,
                               int64_t blocks, int64_t block_columns, int64_t block_stride,
                               int64_t width, float* out) {
  constexpr int64_t ahead = 12;  // rows; each is a place of its own that no prefetcher foresees
  for (int64_t w = 0; w < words; ++w) {
    const int64_t row = kPairs ? 2 * w : w;
    const T* from = x + row * ld;
    if (row + ahead < k) {
      const T* next = from + ahead * ld;
      for (int64_t c = 0; c < blocks * block_columns; c += 64 / static_cast<int64_t>(sizeof(T))) {
        __builtin_prefetch(next + c);
        if (kPairs && row + ahead + 1 < k) __builtin_prefetch(next + ld + c);
      }
    }
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t c = 0; c < width; c += kLanes) {
        const int64_t column = b * block_columns + c;
        const T* p = from + column;
        const T* second = kPairs && row + 1 < k ? p + ld : nullptr;
        store(out + b * block_stride + w * width + c,
              row < k ? words_across<kPairs>(p, second, left - column) : zero());
      }
    }
  }
}
// One panel of kNr columns.
template <bool kPairs, typename T>
GANTRY_INLINE void pack_panel(const T* x, int64_t ld, int64_t k, int64_t words, int64_t live,
                              float* out) {
  pack_across<kPairs>(x, ld, k, words, std::min<int64_t>(live, kNr), 1, kNr, 0, kNr, out);
}

#if defined(__AVX512BF16__)
GANTRY_INLINE void transpose16(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}
#endif

// B panel from a matrix whose rows are the panel's columns (W of y = x W^T, K of Q K^T): out[word *
// kNr + column]. `live` of kNr columns, k elements each, zeros up to `words` (a multiple of 16).
template <bool kPairs, typename T>
GANTRY_INLINE void pack_transposed(const T* x, int64_t ld, int64_t live, int64_t k, int64_t words,
                                   float* out) {
  constexpr int64_t per_word = kPairs ? 2 : 1;
#if defined(__AVX512BF16__)
  for (int64_t column = 0; column < kNr; column += 16) {
    for (int64_t w = 0; w < words; w += 16) {
      __m512i block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const int64_t at = w * per_word;
        block[i] = column + i < live
                       ? as_int(words_along<kPairs>(x + (column + i) * ld + at, k - at)).v
                       : _mm512_setzero_si512();
      }
      transpose16(block);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + (w + i) * kNr + column, block[i]);
    }
  }
#else
  static_assert(per_word == 1, "pairs need AVX-512 BF16");
  for (int64_t w = 0; w < words; ++w) {
    for (int64_t column = 0; column < kNr; ++column) {
      out[w * kNr + column] = column < live && w < k ? to_float(x[column * ld + w]) : 0.0f;
    }
  }
#endif
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
