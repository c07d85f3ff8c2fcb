// The code of linear_int8.h for one instruction set. The layouts are those of gemm_simd.h with
// words of four 8-bit values (AVX-512 VNNI) or two 16-bit ones (where no instruction adds 8-bit
// products without saturating them).
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/linear_epilogue_simd.h"
#include "ops/linear_int8_table.h"
#include "ops/scratch.h"

namespace gantry::GANTRY_ISA {
namespace {

#if defined(__AVX512BF16__)
constexpr int64_t kPerWord = 4;
GANTRY_INLINE VI dot_word(VI sum, VI a, VI b) { return {_mm512_dpbusd_epi32(sum.v, a.v, b.v)}; }
GANTRY_INLINE void store_quantised(int32_t* row, int64_t k, VF x) {  // k: a multiple of kLanes
  _mm_storeu_si128(reinterpret_cast<__m128i*>(reinterpret_cast<uint8_t*>(row) + k),
                   _mm512_cvtusepi32_epi8(to_int(x).v));
}
#elif defined(__AVX2__)
constexpr int64_t kPerWord = 2;
GANTRY_INLINE VI dot_word(VI sum, VI a, VI b) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(a.v, b.v))};
}
GANTRY_INLINE void store_quantised(int32_t* row, int64_t k, VF x) {
  const __m256i wide = to_int(x).v;
  const __m128i narrow =
      _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(reinterpret_cast<int16_t*>(row) + k), narrow);
}
#else
constexpr int64_t kPerWord = 2;
GANTRY_INLINE VI dot_word(VI sum, VI a, VI b) {
  const S4 x = (S4)a.v, y = (S4)b.v;
  return {(U4)((S4)sum.v + ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16))};
}
GANTRY_INLINE void store_quantised(int32_t* row, int64_t k, VF x) {
  for (int i = 0; i < kLanes; ++i) {
    reinterpret_cast<int16_t*>(row)[k + i] = static_cast<int16_t>(to_int(x).v[i]);
  }
}
#endif
using Quantised = std::conditional_t<kPerWord == 4, int8_t, int16_t>;

inline int64_t int8_words(int64_t k) { return round_up((k + kPerWord - 1) / kPerWord, kChunk); }
int64_t int8_panel_words(int64_t k) { return int8_words(k) * kNr; }

void pack_int8(const float* weight, int64_t k, int64_t n, const Int8Weight& out) {
  const int64_t panels = (n + kNr - 1) / kNr, words = int8_words(k);
  std::memset(out.panels, 0, static_cast<size_t>(panels * words * kNr) * 4);
  for (int64_t column = 0; column < panels * kNr; ++column) {
    out.scale[column] = out.sum[column] = 0;
    if (column >= n) continue;
    const float* row = weight + column * k;
    float top = 0;
    for (int64_t i = 0; i < k; ++i) top = std::max(top, std::abs(row[i]));
    const float scale = top > 0 ? top / 127.0f : 1.0f;
    Quantised* to = reinterpret_cast<Quantised*>(out.panels + column / kNr * words * kNr);
    int64_t sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      const int q = static_cast<int>(std::nearbyint(row[i] / scale));
      to[(i / kPerWord * kNr + column % kNr) * kPerWord + i % kPerWord] = static_cast<Quantised>(q);
      sum += q;
    }
    out.scale[column] = scale;
    out.sum[column] = static_cast<float>(sum);
  }
}

struct RowRange {
  float low, step;
};

// Quantises one row into its places: out[chunk * kMr * 16 + word].
template <typename T>
GANTRY_INLINE RowRange quantise_row(const T* x, int64_t k, int32_t* out) {
  VF low = set1(3e38f), high = set1(-3e38f);
  const int64_t whole = k / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    const VF v = load(x + i);
    low = min(low, v);
    high = max(high, v);
  }
  float lowest = -reduce_max(zero() - low), highest = reduce_max(high);
  for (int64_t i = whole; i < k; ++i) {
    lowest = std::min(lowest, to_float(x[i]));
    highest = std::max(highest, to_float(x[i]));
  }
  const float step = highest > lowest ? (highest - lowest) / 255.0f : 1.0f;
  const VF inverse = set1(1.0f / step), offset = set1(-lowest / step), top = set1(255.0f);
  constexpr int64_t per_chunk = kChunk * kPerWord;
  for (int64_t i = 0; i < k; i += kLanes) {
    const VF v = i < whole ? load(x + i) : load_n(x + i, k - i);
    store_quantised(out + i / per_chunk * kMr * kChunk, i % per_chunk,
                    min(max(fma(v, inverse, offset), zero()), top));
  }
  return {lowest, step};
}

template <int kRows>
GANTRY_INLINE void int8_tile(const int32_t* a, const int32_t* b, int64_t chunks, int32_t* out) {
  VI sum[kRows][kNv];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kNv; ++v) sum[r][v] = iset1(0);
  }
  for (int64_t c = 0; c < chunks; ++c) {
#pragma GCC unroll 4
    for (int k = 0; k < kChunk; ++k) {
      VI column[kNv];
      for (int v = 0; v < kNv; ++v) {
        column[v] = iload(reinterpret_cast<const uint32_t*>(b + k * kNr + v * kLanes));
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const VI x = iset1(static_cast<uint32_t>(a[r * kChunk + k]));
        for (int v = 0; v < kNv; ++v) sum[r][v] = dot_word(sum[r][v], x, column[v]);
      }
    }
    a += kMr * kChunk;
    b += kChunk * kNr;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kNv; ++v) {
      istore(reinterpret_cast<uint32_t*>(out + r * kNr + v * kLanes), sum[r][v]);
    }
  }
}

template <typename T>
void linear_int8_rows(const LinearInt8Call<T>& call, int64_t row_begin, int64_t row_end,
                      int64_t panel_begin, int64_t panel_end) {
  constexpr int64_t kPackedBytes = 448 << 10;
  const int64_t k = call.x.cols, words = int8_words(k), chunks = words / kChunk;
  const int64_t block_words = words * kMr;
  const int64_t blocks_at_once = std::max<int64_t>(2, kPackedBytes / (block_words * 4));
  int32_t* packed = scratch<int32_t>(Slot::kRows, blocks_at_once * block_words);
  RowRange* ranges = scratch<RowRange>(Slot::kTile, blocks_at_once * kMr);
  const FinishTile<T> finish = kFinishTile<T>[static_cast<int>(call.epilogue.activation)];
  alignas(64) int32_t sums[kMr * kNr];
  alignas(64) float values[kMr * kNr];
  for (int64_t row = row_begin; row < row_end; row += blocks_at_once * kMr) {
    const int64_t last = std::min(row_end, row + blocks_at_once * kMr);
    for (int64_t r = row; r < last; ++r) {
      const int64_t block = (r - row) / kMr, within = (r - row) % kMr;
      ranges[r - row] =
          quantise_row(call.x.row(r), k, packed + block * block_words + within * kChunk);
    }
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const int32_t* b = call.weight.panels + p * words * kNr;
      const int64_t column = p * kNr, cols = std::min<int64_t>(kNr, call.n - column);
      const int32_t* a = packed;
      for (int64_t r = row; r < last; r += kMr, a += block_words) {
        const int64_t live = std::min<int64_t>(kMr, last - r);
        prefetch_tile(call.epilogue, r, live, column);
        if (live > 8 || kMr <= 8) {
          int8_tile<kMr>(a, b, chunks, sums);
        } else if (live > 4) {
          int8_tile<8>(a, b, chunks, sums);
        } else {
          int8_tile<4>(a, b, chunks, sums);
        }
        for (int64_t i = 0; i < live; ++i) {
          const RowRange range = ranges[r - row + i];
          for (int v = 0; v < kNr; v += kLanes) {
            const VF sum = from_int(iload(reinterpret_cast<const uint32_t*>(sums + i * kNr + v)));
            const VF low = set1(range.low) * load(call.weight.sum + column + v);
            store(values + i * kNr + v,
                  fma(sum, set1(range.step), low) * load(call.weight.scale + column + v));
          }
        }
        finish(call.epilogue, values, r, live, column, cols);
      }
    }
  }
}

template <typename T>
constexpr LinearInt8Table<T> kLinearInt8Table = {kNr, kMr, int8_panel_words, pack_int8,
                                                 linear_int8_rows<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
