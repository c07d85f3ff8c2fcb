// The code of block_product.h for one instruction set.
//
// Block types: 16 rows of W (output columns) and kChunk of their places at a time are unpacked into
// a panel: words of kPerWord codes, [place / kPerWord][16 columns], with scales (and minima)
// [group][16]. Each row of x then takes its sums with one broadcast word of x a vector of weights,
// so that a lane is an output column and never has to be added up across.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "ops/block_codes.h"
#include "ops/block_product_table.h"
#include "ops/scratch.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int kColumns = 16;
constexpr int kVectors = kColumns / kLanes;
constexpr int64_t kChunk = 1024;  // places: 16 KiB of 8-bit codes

#if defined(__AVX512BF16__)
constexpr int kPerWord = 4;
constexpr int kTileRows = 12;
// sum + codes (unsigned) x (signed)
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  return {_mm512_dpbusd_epi32(sum.v, codes.v, x.v)};
}
#elif defined(__AVX2__)
constexpr int kPerWord = 2;
constexpr int kTileRows = 2;
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(codes.v, x.v))};
}
#else
constexpr int kPerWord = 2;
constexpr int kTileRows = 2;
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  const S4 a = (S4)codes.v, b = (S4)x.v;
  return {(U4)((S4)sum.v + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16))};
}
#endif

// A chunk of 16 columns, unpacked.
struct Panel {
  uint32_t* codes;  // [places / kPerWord][16]
  float* scales;    // [groups][16]
  float* minima;    // [places / 32][16]
};

#if defined(__AVX512BF16__)
}  // namespace
}  // namespace gantry::GANTRY_ISA
#include "ops/block_codes_avx512.h"
namespace gantry::GANTRY_ISA {
namespace {
#endif

// Places [32 first, 32 (first + count)) of 16 rows. `next`: where the following chunk of each row
// begins, which may be asked for already.
template <BlockType kType>
void unpack_panel(const uint8_t* const* rows, [[maybe_unused]] const uint8_t* const* next,
                  int64_t first, int64_t count, const Panel& panel) {
#if defined(__AVX512BF16__)
  if constexpr (FastCodes<kType>::kThere) {
    FastCodes<kType>::unpack(rows, next, first, count, panel);
    return;
  }
#endif
  constexpr int kGroups = 32 / scale_group(kType), kWords = 32 / kPerWord;
  Codes32 codes;
  for (int64_t b = 0; b < count; ++b) {
    for (int column = 0; column < kColumns; ++column) {
      codes_at<kType>(rows[column], first + b, codes);
      uint32_t* to = panel.codes + b * kWords * kColumns + column;
      for (int w = 0; w < kWords; ++w) {
        uint32_t word;
        if constexpr (kPerWord == 4) {
          std::memcpy(&word, codes.code + 4 * w, 4);
        } else {
          word = static_cast<uint32_t>(codes.code[2 * w]) |
                 static_cast<uint32_t>(codes.code[2 * w + 1]) << 16;
        }
        to[w * kColumns] = word;
      }
      for (int g = 0; g < kGroups; ++g) {
        panel.scales[(b * kGroups + g) * kColumns + column] = codes.scale[g];
      }
      panel.minima[b * kColumns + column] = codes.minimum;
    }
  }
}

// Adds the chunk's part to kRows rows' sums, [kRows][16].
template <BlockType kType, bool kWide, int kRows>
GANTRY_INLINE void chunk_tile(const ProductRowsView& x, int64_t row, int64_t first, int64_t count,
                              const Panel& panel, float* sums) {
  constexpr int kGroups = 32 / scale_group(kType), kWords = 32 / kPerWord / kGroups;
  constexpr bool kTwoBytes = kWide && kPerWord == 4;  // else a wide code is one 16-bit value
  const int64_t blocks = x.x.cols / 32;
  const uint8_t* codes[kRows];
  VF sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    codes[r] = x.codes + (row + r) * x.code_bytes + first * 32 * (kPerWord == 4 ? 1 : 2);
    for (int v = 0; v < kVectors; ++v) sum[r][v] = load(sums + r * kColumns + v * kLanes);
  }
  const float* x_scales = x.scales + row * blocks + first;
  const int32_t* x_sums = x.sums + (row * blocks + first) * 2;
  const uint32_t* w = panel.codes;
  const auto offset_of = [&](int r, int64_t b, int g) GANTRY_LAMBDA -> int32_t {
    const int32_t* of_row = x_sums + (r * blocks + b) * 2;
    return -zero_code(kType) * (kGroups == 2 ? of_row[g] : of_row[0] + of_row[1]);
  };
  for (int64_t b = 0; b < count; ++b) {
    for (int g = 0; g < kGroups; ++g) {
      VI exact[kRows][kVectors];
      for (int r = 0; r < kRows; ++r) {
        const int32_t offset = zero_code(kType) != 0 && !kTwoBytes ? offset_of(r, b, g) : 0;
        for (int v = 0; v < kVectors; ++v) exact[r][v] = iset1(static_cast<uint32_t>(offset));
      }
      // Adds the group's products with the codes that lie `at` bytes on.
      const auto add_products = [&](int64_t at) GANTRY_LAMBDA {
#pragma GCC unroll 16
        for (int i = 0; i < kWords; ++i) {
          VI weight[kVectors];
          for (int v = 0; v < kVectors; ++v) weight[v] = iload(w + i * kColumns + v * kLanes);
          for (int r = 0; r < kRows; ++r) {
            uint32_t word;
            std::memcpy(&word, codes[r] + at + ((b * kGroups + g) * kWords + i) * 4, 4);
            const VI xw = iset1(word);
            for (int v = 0; v < kVectors; ++v) {
              exact[r][v] = dot_codes(exact[r][v], weight[v], xw);
            }
          }
        }
      };
      add_products(0);
#if defined(__AVX512BF16__)
      if constexpr (kTwoBytes) {
        for (int r = 0; r < kRows; ++r) {
          exact[r][0].v = _mm512_slli_epi32(exact[r][0].v, 8);
          if constexpr (zero_code(kType) != 0) {
            exact[r][0] = exact[r][0] + iset1(static_cast<uint32_t>(offset_of(r, b, g)));
          }
        }
        add_products(x.x.cols);
      }
#endif
      w += kWords * kColumns;
      for (int v = 0; v < kVectors; ++v) {
        const VF scale = load(panel.scales + (b * kGroups + g) * kColumns + v * kLanes);
        for (int r = 0; r < kRows; ++r) {
          sum[r][v] = fma(from_int(exact[r][v]), scale * set1(x_scales[r * blocks + b]), sum[r][v]);
        }
      }
    }
    if constexpr (has_minimum(kType)) {
      for (int v = 0; v < kVectors; ++v) {
        const VF minimum = load(panel.minima + b * kColumns + v * kLanes);
        for (int r = 0; r < kRows; ++r) {
          const int32_t* of_row = x_sums + (r * blocks + b) * 2;
          const float part = -x_scales[r * blocks + b] * static_cast<float>(of_row[0] + of_row[1]);
          sum[r][v] = fma(minimum, set1(part), sum[r][v]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(sums + r * kColumns + v * kLanes, sum[r][v]);
  }
}

GANTRY_INLINE void store_columns(const ProductOutput& output, int64_t row, int64_t column,
                                 int64_t live, const float* values) {
  float* y = output.y.row(row) + column;
  if (live == kColumns) {
    for (int v = 0; v < kColumns; v += kLanes) {
      store(y + v, output.add ? load(y + v) + load(values + v) : load(values + v));
    }
    return;
  }
  for (int64_t c = 0; c < live; ++c) y[c] = output.add ? y[c] + values[c] : values[c];
}

template <BlockType kType, bool kWide>
void blocks_of(const ProductRowsView& x, const ProductOutput& output, int64_t first_group,
               int64_t last_group) {
  const BlockMatrix& w = *output.weight;
  const int64_t blocks = w.in / 32, rows = x.x.rows;
  constexpr int64_t kChunkBlocks = kChunk / 32;
  uint8_t* memory = scratch<uint8_t>(
      Slot::kPanel, kChunk * kColumns * 4 / kPerWord + 3 * kChunkBlocks * kColumns * 4);
  Panel panel;
  panel.codes = reinterpret_cast<uint32_t*>(memory);
  panel.scales = reinterpret_cast<float*>(memory + kChunk * kColumns * 4 / kPerWord);
  panel.minima = panel.scales + 2 * kChunkBlocks * kColumns;
  float* sums = scratch<float>(Slot::kTile, rows * kColumns);
  for (int64_t group = first_group; group < last_group; ++group) {
    const int64_t column = group * kColumns, live = std::min<int64_t>(kColumns, w.out - column);
    const uint8_t* pointers[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      pointers[c] = w.row(column + std::min<int64_t>(c, live - 1));
    }
    std::memset(sums, 0, static_cast<size_t>(rows * kColumns) * sizeof(float));
    for (int64_t first = 0; first < blocks; first += kChunkBlocks) {
      const int64_t count = std::min(kChunkBlocks, blocks - first);
      const uint8_t* next[kColumns];
      const bool same_rows = first + count < blocks;
      for (int c = 0; c < kColumns; ++c) {
        const int64_t other = std::min(column + kColumns + c, w.out - 1);
        next[c] = same_rows ? pointers[c] +
                                  (first + count) * 32 / block_elements(kType) * block_bytes(kType)
                            : w.row(other);
      }
      unpack_panel<kType>(pointers, next, first, count, panel);
      int64_t r = 0;
      for (; r + kTileRows <= rows; r += kTileRows) {
        chunk_tile<kType, kWide, kTileRows>(x, r, first, count, panel, sums + r * kColumns);
      }
      if constexpr (kTileRows > 4) {
        for (; r + 4 <= rows; r += 4) {
          chunk_tile<kType, kWide, 4>(x, r, first, count, panel, sums + r * kColumns);
        }
      }
      for (; r < rows; ++r) {
        chunk_tile<kType, kWide, 1>(x, r, first, count, panel, sums + r * kColumns);
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      store_columns(output, r, column, live, sums + r * kColumns);
    }
  }
}

template <bool kWide>
void product_blocks_of(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                       int64_t last) {
  switch (output.weight->type) {
    case BlockType::q4_0:
      return blocks_of<BlockType::q4_0, kWide>(x, output, first, last);
    case BlockType::q4_1:
      return blocks_of<BlockType::q4_1, kWide>(x, output, first, last);
    case BlockType::q5_0:
      return blocks_of<BlockType::q5_0, kWide>(x, output, first, last);
    case BlockType::q5_1:
      return blocks_of<BlockType::q5_1, kWide>(x, output, first, last);
    case BlockType::q8_0:
      return blocks_of<BlockType::q8_0, kWide>(x, output, first, last);
    case BlockType::q4_k:
      return blocks_of<BlockType::q4_k, kWide>(x, output, first, last);
    case BlockType::q5_k:
      return blocks_of<BlockType::q5_k, kWide>(x, output, first, last);
    case BlockType::q6_k:
      return blocks_of<BlockType::q6_k, kWide>(x, output, first, last);
    default:
      GANTRY_CHECK(false);
  }
}

void product_blocks(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                    int64_t last) {
  (x.wide ? product_blocks_of<true> : product_blocks_of<false>)(x, output, first, last);
}

// One row's codes of block b, written as the products read them.
GANTRY_INLINE void put_codes(const int32_t* rounded, bool wide, int64_t b, int64_t cols,
                             uint8_t* row) {
  if (kPerWord == 2) {
    auto* out = reinterpret_cast<int16_t*>(row) + b * 32;
    for (int i = 0; i < 32; ++i) out[i] = static_cast<int16_t>(rounded[i]);
    return;
  }
  auto* upper = reinterpret_cast<int8_t*>(row) + b * 32;
  if (!wide) {
    for (int i = 0; i < 32; ++i) upper[i] = static_cast<int8_t>(rounded[i]);
    return;
  }
  int8_t* lower = upper + cols;
  for (int i = 0; i < 32; ++i) {
    const int32_t high = (rounded[i] + 128) >> 8;
    upper[i] = static_cast<int8_t>(high);
    lower[i] = static_cast<int8_t>(rounded[i] - 256 * high);
  }
}

// Rows of x rounded to whole numbers of steps; 32 values share a step.
void quantise_rows(Matrix<const float> x, bool wide, int64_t begin, int64_t end, uint8_t* codes,
                   int64_t code_bytes, float* scales, int32_t* sums) {
  const int64_t blocks = x.cols / 32;
  const float steps = wide ? 127.0f * 256.0f : 127.0f;
  for (int64_t r = begin; r < end; ++r) {
    const float* row = x.row(r);
    for (int64_t b = 0; b < blocks; ++b) {
      const float* from = row + b * 32;
      VF top = zero();
      for (int i = 0; i < 32; i += kLanes) {
        const VF v = load(from + i);
        top = max(top, max(v, zero() - v));
      }
      const float largest = reduce_max(top);
      const float inverse = largest > 0 ? steps / largest : 0.0f;
      scales[r * blocks + b] = largest / steps;
      alignas(64) int32_t rounded[32];
      for (int i = 0; i < 32; i += kLanes) {
        istore(reinterpret_cast<uint32_t*>(rounded) + i, to_int(load(from + i) * set1(inverse)));
      }
      put_codes(rounded, wide, b, x.cols, codes + r * code_bytes);
      int32_t* sum = sums + (r * blocks + b) * 2;
      sum[0] = sum[1] = 0;
      for (int i = 0; i < 32; ++i) sum[i / 16] += rounded[i];
    }
  }
}

// --- float weights -----------------------------------------------------------------------------

#if defined(__AVX2__) && !defined(__AVX512BF16__)
GANTRY_INLINE VF load_half(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
#elif defined(__AVX512BF16__)
GANTRY_INLINE VF load_half(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
#else
GANTRY_INLINE VF load_half(const uint16_t* p) {
  float t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = half_to_float(reinterpret_cast<const uint8_t*>(p + i));
  return load(t);
}
#endif

template <BlockType kType>
struct FloatElement;
template <>
struct FloatElement<BlockType::f32> {
  using Type = float;
  static GANTRY_INLINE VF at(const float* p) { return load(p); }
};
template <>
struct FloatElement<BlockType::bf16> {
  using Type = bf16;
  static GANTRY_INLINE VF at(const bf16* p) { return load(p); }
};
template <>
struct FloatElement<BlockType::f16> {
  using Type = uint16_t;
  static GANTRY_INLINE VF at(const uint16_t* p) { return load_half(p); }
};

constexpr int kParts = 16 / kLanes;  // vectors of the 16 partial sums

GANTRY_INLINE float add_parts(const VF (&part)[kParts]) {
  float sums[16];
  for (int p = 0; p < kParts; ++p) store(sums + p * kLanes, part[p]);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

template <BlockType kType, int kRows, int kCols>
GANTRY_INLINE void float_tile(const ProductRowsView& x, int64_t row,
                              const typename FloatElement<kType>::Type* const* w, float* out) {
  using Element = FloatElement<kType>;
  VF sum[kRows][kCols][kParts];
  for (auto& of_row : sum) {
    for (auto& of_column : of_row) {
      for (VF& part : of_column) part = zero();
    }
  }
  const int64_t k = x.x.cols, whole = k / 16 * 16;
  for (int64_t i = 0; i < whole; i += 16) {
    for (int p = 0; p < kParts; ++p) {
      VF weight[kCols];
      for (int c = 0; c < kCols; ++c) weight[c] = Element::at(w[c] + i + p * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const VF v = load(x.x.row(row + r) + i + p * kLanes);
        for (int c = 0; c < kCols; ++c) sum[r][c][p] = fma(v, weight[c], sum[r][c][p]);
      }
    }
  }
  if (whole < k) {  // the last places beside zeros
    typename Element::Type tail[kCols][16];
    std::memset(static_cast<void*>(tail), 0, sizeof tail);
    float x_tail[kRows][16] = {};
    const auto left = static_cast<size_t>(k - whole);
    for (int c = 0; c < kCols; ++c) {
      std::memcpy(static_cast<void*>(tail[c]), w[c] + whole, left * sizeof tail[0][0]);
    }
    for (int r = 0; r < kRows; ++r) {
      std::memcpy(x_tail[r], x.x.row(row + r) + whole, left * sizeof(float));
    }
    for (int p = 0; p < kParts; ++p) {
      for (int c = 0; c < kCols; ++c) {
        const VF weight = Element::at(tail[c] + p * kLanes);
        for (int r = 0; r < kRows; ++r) {
          sum[r][c][p] = fma(load(x_tail[r] + p * kLanes), weight, sum[r][c][p]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kCols; ++c) out[r * kCols + c] = add_parts(sum[r][c]);
  }
}

GANTRY_INLINE void put(const ProductOutput& output, int64_t row, int64_t column, float value) {
  float* y = output.y.row(row) + column;
  *y = output.add ? *y + value : value;
}

template <BlockType kType, int kRows, int kCols>
GANTRY_INLINE void put_float_tile(const ProductRowsView& x, const ProductOutput& output,
                                  int64_t row, int64_t column, int64_t live,
                                  const typename FloatElement<kType>::Type* const* w) {
  float values[kRows * kCols];
  float_tile<kType, kRows, kCols>(x, row, w, values);
  for (int r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < live; ++c) put(output, row + r, column + c, values[r * kCols + c]);
  }
}

#if defined(__AVX512BF16__)
constexpr int kFloatRows = 8, kFloatColumns = 3;
#else
constexpr int kFloatRows = 4, kFloatColumns = 2;
#endif

// Columns in steps of kFloatColumns; `w` gives the rows of W.
template <BlockType kType, typename RowAt>
void float_columns(const ProductRowsView& x, const ProductOutput& output, int64_t begin,
                   int64_t end, const RowAt& row_at) {
  using Type = typename FloatElement<kType>::Type;
  const int64_t rows = x.x.rows;
  if (rows == 1) {
    constexpr int kCols = 4;
    for (int64_t c = begin; c < end; c += kCols) {
      const Type* w[kCols];
      for (int i = 0; i < kCols; ++i) w[i] = row_at(std::min(c + i, end - 1));
      put_float_tile<kType, 1, kCols>(x, output, 0, c, std::min<int64_t>(kCols, end - c), w);
    }
    return;
  }
  for (int64_t c = begin; c < end; c += kFloatColumns) {
    const Type* w[kFloatColumns];
    for (int i = 0; i < kFloatColumns; ++i) w[i] = row_at(std::min(c + i, end - 1));
    const int64_t live = std::min<int64_t>(kFloatColumns, end - c);
    int64_t r = 0;
    for (; r + kFloatRows <= rows; r += kFloatRows) {
      put_float_tile<kType, kFloatRows, kFloatColumns>(x, output, r, c, live, w);
    }
    for (; r + 2 <= rows; r += 2) {
      put_float_tile<kType, 2, kFloatColumns>(x, output, r, c, live, w);
    }
    if (r < rows) put_float_tile<kType, 1, kFloatColumns>(x, output, r, c, live, w);
  }
}

template <BlockType kType>
void floats_of(const ProductRowsView& x, const ProductOutput& output, int64_t begin, int64_t end) {
  using Type = typename FloatElement<kType>::Type;
  float_columns<kType>(x, output, begin, end, [&](int64_t column) {
    return reinterpret_cast<const Type*>(output.weight->row(column));
  });
}

// Block types with exact rows: 16 rows of W decoded at a time.
void decoded_floats(const ProductRowsView& x, const ProductOutput& output, int64_t begin,
                    int64_t end) {
  const BlockMatrix& w = *output.weight;
  float* decoded = scratch<float>(Slot::kPanel, kColumns * w.in);
  for (int64_t c = begin; c < end; c += kColumns) {
    const int64_t last = std::min<int64_t>(end, c + kColumns);
    for (int64_t i = c; i < last; ++i) {
      blocks_to_float(w.type, {w.row(i), static_cast<size_t>(w.row_bytes)},
                      {decoded + (i - c) * w.in, static_cast<size_t>(w.in)});
    }
    float_columns<BlockType::f32>(x, output, c, last,
                                  [&](int64_t column) { return decoded + (column - c) * w.in; });
  }
}

void product_floats(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                    int64_t last) {
  const int64_t begin = first * kColumns, end = std::min(output.weight->out, last * kColumns);
  switch (output.weight->type) {
    case BlockType::f32:
      return floats_of<BlockType::f32>(x, output, begin, end);
    case BlockType::f16:
      return floats_of<BlockType::f16>(x, output, begin, end);
    case BlockType::bf16:
      return floats_of<BlockType::bf16>(x, output, begin, end);
    default:
      return decoded_floats(x, output, begin, end);
  }
}

constexpr BlockProductTable kBlockProductTable = {kPerWord == 4 ? 1 : 2, quantise_rows,
                                                  product_blocks, product_floats};

}  // namespace
}  // namespace gantry::GANTRY_ISA
