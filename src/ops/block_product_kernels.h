// The code of block_product.h for one instruction set.
//
// Block types: 16 rows of W (output columns) and kChunk of their places at a time are unpacked into
// a panel: words of kPerWord codes, [place / kPerWord][16 columns], with scales (and minima)
// [group][16]. Each row of x then takes its sums with one broadcast word of x a vector of weights,
// so that a lane is an output column and never has to be added up across. A tile is kTileRows rows
// of x, whose words lie side by side, times kPanels panels: its sums stay in registers, and two
// panels share what is loaded of x. The sums of kPairsAtOnce pairs of panels wait in a buffer, from
// which y is written some lines at a time.
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
constexpr int64_t kChunk = 768;  // places: two panels and a tile of x fit the first-level cache
constexpr int64_t kPairColumns = 2 * kColumns, kPairsAtOnce = 4;
static_assert(kPairColumns == kProductColumns);

#if defined(__AVX512BF16__)
constexpr int kPerWord = 4;
constexpr int kTileRows = 6, kPanels = 2;
// sum + codes (unsigned) x (signed)
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  return {_mm512_dpbusd_epi32(sum.v, codes.v, x.v)};
}
GANTRY_INLINE VI times_zero_code(int32_t sum, int zero) {
  return {_mm512_slli_epi32(_mm512_set1_epi32(sum),
                            static_cast<unsigned>(std::countr_zero(static_cast<unsigned>(zero))))};
}
#elif defined(__AVX2__)
constexpr int kPerWord = 2;
constexpr int kTileRows = 2, kPanels = 1;
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(codes.v, x.v))};
}
#else
constexpr int kPerWord = 2;
constexpr int kTileRows = 2, kPanels = 1;
GANTRY_INLINE VI dot_codes(VI sum, VI codes, VI x) {
  const S4 a = (S4)codes.v, b = (S4)x.v;
  return {(U4)((S4)sum.v + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16))};
}
#endif

#if !defined(__AVX512BF16__)
GANTRY_INLINE VI times_zero_code(int32_t sum, int zero) {
  return iset1(static_cast<uint32_t>(sum * zero));
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

// Adds a chunk's part to the sums of a tile's first kRows rows, [kTileRows][kPairColumns].
template <BlockType kType, bool kWide, int kRows, int kCount>
void chunk_tile(const ProductRowsView& x, int64_t tile, int64_t first, int64_t count,
                const Panel* panels, float* sums) {
  constexpr int kGroups = 32 / scale_group(kType), kWords = 32 / kPerWord / kGroups;
  constexpr int kAcross = kCount * kVectors;
  constexpr bool kTwoBytes = kWide && kPerWord == 4;  // else a wide code is one 16-bit value
  const int64_t block = tile * (x.x.cols / 32) + first;
  const uint32_t* codes = x.codes + tile * x.tile_words + first * (32 / kPerWord) * kTileRows;
  const float* scales = x.scales + block * kTileRows;
  const int32_t* offsets =
      kGroups == 2 ? x.half_sums + block * 2 * kTileRows : x.sums + block * kTileRows;
  const float* scaled_sums = x.scaled_sums + block * kTileRows;
  const auto panel_at = [](const auto* values, int64_t row, int v) GANTRY_LAMBDA {
    return values + row * kColumns + v % kVectors * kLanes;
  };
  VF sum[kRows][kAcross];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kAcross; ++v) sum[r][v] = load(sums + r * kPairColumns + v * kLanes);
  }
  for (int64_t b = 0; b < count; ++b) {
    for (int g = 0; g < kGroups; ++g) {
      VI exact[kRows][kAcross];
      for (int r = 0; r < kRows; ++r) {
        // What the codes are too high by; sums of x are negated.
        const VI offset = zero_code(kType) != 0 && !kTwoBytes
                              ? times_zero_code(offsets[r], zero_code(kType))
                              : iset1(0);
        for (int v = 0; v < kAcross; ++v) exact[r][v] = offset;
      }
      const auto add_products = [&](const uint32_t* from) GANTRY_LAMBDA {
#pragma GCC unroll 16
        for (int i = 0; i < kWords; ++i) {
          VI weight[kAcross];
          for (int v = 0; v < kAcross; ++v) {
            weight[v] =
                iload(panel_at(panels[v / kVectors].codes, (b * kGroups + g) * kWords + i, v));
          }
          for (int r = 0; r < kRows; ++r) {
            const VI word = iset1(from[i * kTileRows + r]);
            for (int v = 0; v < kAcross; ++v) exact[r][v] = dot_codes(exact[r][v], weight[v], word);
          }
        }
      };
      add_products(codes);
#if defined(__AVX512BF16__)
      if constexpr (kTwoBytes) {
        for (int r = 0; r < kRows; ++r) {
          const VI offset =
              zero_code(kType) != 0 ? times_zero_code(offsets[r], zero_code(kType)) : iset1(0);
          for (int v = 0; v < kAcross; ++v) {
            exact[r][v].v = _mm512_slli_epi32(exact[r][v].v, 8);
            if constexpr (zero_code(kType) != 0) exact[r][v] = exact[r][v] + offset;
          }
        }
        add_products(codes + x.x.cols / kPerWord * kTileRows);
      }
#endif
      codes += kWords * kTileRows;
      if constexpr (kGroups == 2) offsets += kTileRows;
      VF scale[kAcross];
      for (int v = 0; v < kAcross; ++v) {
        scale[v] = load(panel_at(panels[v / kVectors].scales, b * kGroups + g, v));
      }
      for (int r = 0; r < kRows; ++r) {
        const VF step = set1(scales[r]);
        for (int v = 0; v < kAcross; ++v) {
          sum[r][v] = fma(from_int(exact[r][v]), scale[v] * step, sum[r][v]);
        }
      }
    }
    if constexpr (kGroups == 1) offsets += kTileRows;
    scales += kTileRows;
    if constexpr (has_minimum(kType)) {
      VF minimum[kAcross];
      for (int v = 0; v < kAcross; ++v) {
        minimum[v] = load(panel_at(panels[v / kVectors].minima, b, v));
      }
      for (int r = 0; r < kRows; ++r) {
        const VF part = set1(scaled_sums[r]);
        for (int v = 0; v < kAcross; ++v) sum[r][v] = fma(minimum[v], part, sum[r][v]);
      }
      scaled_sums += kTileRows;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kAcross; ++v) store(sums + r * kPairColumns + v * kLanes, sum[r][v]);
  }
}

// A tile of `live` rows: by the next larger of a few sizes, as what lies behind them is not read.
template <BlockType kType, bool kWide, int kCount>
void live_tile(const ProductRowsView& x, int64_t tile, int64_t live, int64_t first, int64_t count,
               const Panel* panels, float* sums) {
  if (live == 1) {
    chunk_tile<kType, kWide, 1, kCount>(x, tile, first, count, panels, sums);
  } else if (live == 2 && kTileRows > 2) {
    chunk_tile<kType, kWide, 2, kCount>(x, tile, first, count, panels, sums);
  } else if (live <= 4 && kTileRows > 4) {
    chunk_tile<kType, kWide, std::min(4, kTileRows), kCount>(x, tile, first, count, panels, sums);
  } else {
    chunk_tile<kType, kWide, kTileRows, kCount>(x, tile, first, count, panels, sums);
  }
}

GANTRY_INLINE void store_columns(const ProductOutput& output, int64_t row, int64_t column,
                                 int64_t live, const float* values) {
  float* y = output.y.row(row) + column;
  const bool add = output.add;
  if (live == kPairColumns) {
    for (int v = 0; v < kPairColumns; v += kLanes) {
      store(y + v, add ? load(y + v) + load(values + v) : load(values + v));
    }
    return;
  }
  for (int64_t c = 0; c < live; ++c) y[c] = add ? y[c] + values[c] : values[c];
}

// Two panels' worth of scratch memory.
struct PanelPair {
  Panel panel[2];

  PanelPair() {
    constexpr int64_t kBlocks = kChunk / 32, kCodeBytes = kChunk * kColumns * 4 / kPerWord;
    constexpr int64_t kBytes = kCodeBytes + 3 * kBlocks * kColumns * 4;
    uint8_t* memory = scratch<uint8_t>(Slot::kPanel, 2 * kBytes);
    for (Panel& p : panel) {
      p.codes = reinterpret_cast<uint32_t*>(memory);
      p.scales = reinterpret_cast<float*>(memory + kCodeBytes);
      p.minima = p.scales + 2 * kBlocks * kColumns;
      memory += kBytes;
    }
  }
};

// Chunks of at most kChunk places, all about as long, of whole blocks of 256 places but for the
// last.
inline int64_t chunk_blocks(int64_t blocks) {
  const int64_t chunks = (blocks * 32 + kChunk - 1) / kChunk;
  return std::min<int64_t>(kChunk / 32, ((blocks + chunks - 1) / chunks + 7) / 8 * 8);
}

// Adds all of x times columns [column, column + live) to sums [tiles][kTileRows][kPairColumns].
template <BlockType kType, bool kWide>
void pair_of(const ProductRowsView& x, const BlockMatrix& w, int64_t column, int64_t live,
             const PanelPair& pair, float* sums) {
  const int64_t blocks = w.in / 32, rows = x.x.rows, chunk = chunk_blocks(blocks);
  const int64_t panels = (live + kColumns - 1) / kColumns;
  const uint8_t *pointers[kPairColumns], *next[kPairColumns];
  for (int c = 0; c < panels * kColumns; ++c) {
    pointers[c] = w.row(column + std::min<int64_t>(c, live - 1));
  }
  for (int64_t first = 0; first < blocks; first += chunk) {
    const int64_t count = std::min(chunk, blocks - first);
    for (int c = 0; c < panels * kColumns; ++c) {
      next[c] =
          first + count < blocks
              ? pointers[c] + (first + count) * 32 / block_elements(kType) * block_bytes(kType)
              : w.row(std::min(column + kPairColumns + c, w.out - 1));
    }
    for (int64_t p = 0; p < panels; ++p) {
      unpack_panel<kType>(pointers + p * kColumns, next + p * kColumns, first, count,
                          pair.panel[p]);
    }
    float* of_tile = sums;
    for (int64_t r = 0; r < rows; r += kTileRows, of_tile += kTileRows * kPairColumns) {
      const int64_t live_rows = std::min<int64_t>(kTileRows, rows - r);
      if (kPanels == 2 && panels == 2) {
        live_tile<kType, kWide, kPanels>(x, r / kTileRows, live_rows, first, count, pair.panel,
                                         of_tile);
        continue;
      }
      for (int64_t p = 0; p < panels; ++p) {
        live_tile<kType, kWide, 1>(x, r / kTileRows, live_rows, first, count, pair.panel + p,
                                   of_tile + p * kColumns);
      }
    }
  }
}

template <BlockType kType, bool kWide>
void blocks_of(const ProductRowsView& x, const ProductOutput& output, int64_t begin, int64_t end) {
  const int64_t rows = x.x.rows;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t pair_sums = tiles * kTileRows * kPairColumns;
  const PanelPair pair;
  float* sums = scratch<float>(Slot::kTile, kPairsAtOnce * pair_sums);
  for (int64_t from = begin; from < end; from += kPairsAtOnce * kPairColumns) {
    const int64_t to = std::min(end, from + kPairsAtOnce * kPairColumns);
    std::memset(sums, 0, static_cast<size_t>(kPairsAtOnce * pair_sums) * sizeof(float));
    for (int64_t column = from, i = 0; column < to; column += kPairColumns, ++i) {
      pair_of<kType, kWide>(x, *output.weight, column, std::min(kPairColumns, to - column), pair,
                            sums + i * pair_sums);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t column = from, i = 0; column < to; column += kPairColumns, ++i) {
        store_columns(output, r, column, std::min(kPairColumns, to - column),
                      sums + i * pair_sums + r * kPairColumns);
      }
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

// Writes the 32 codes of a block as words, kTileRows apart, and gives the sums of their halves.
#if defined(__AVX512BF16__)
GANTRY_INLINE void put_bytes(__m512i low_half, __m512i high_half, uint32_t* words) {
  alignas(32) uint32_t out[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(low_half));
  _mm_store_si128(reinterpret_cast<__m128i*>(out + 4), _mm512_cvtepi32_epi8(high_half));
  for (int i = 0; i < 8; ++i) words[i * kTileRows] = out[i];
}
GANTRY_INLINE void put_codes(const VI* rounded, bool wide, int64_t lower, uint32_t* words,
                             int32_t* half_sums) {
  __m512i high[2] = {rounded[0].v, rounded[1].v};
  for (int h = 0; h < 2; ++h) half_sums[h] = _mm512_reduce_add_epi32(high[h]);
  if (wide) {
    __m512i low[2];
    for (int h = 0; h < 2; ++h) {
      high[h] = _mm512_srai_epi32(_mm512_add_epi32(rounded[h].v, _mm512_set1_epi32(128)), 8);
      low[h] = _mm512_sub_epi32(rounded[h].v, _mm512_slli_epi32(high[h], 8));
    }
    put_bytes(low[0], low[1], words + lower);
  }
  put_bytes(high[0], high[1], words);
}
#else
GANTRY_INLINE void put_codes(const VI* rounded, bool wide, int64_t lower, uint32_t* words,
                             int32_t* half_sums) {
  static_assert(kPerWord == 2);
  (void)wide;  // a code is one 16-bit value in either form
  (void)lower;
  alignas(64) uint32_t codes[32];
  for (int i = 0; i < 32 / kLanes; ++i) istore(codes + i * kLanes, rounded[i]);
  half_sums[0] = half_sums[1] = 0;
  for (int i = 0; i < 32; ++i) half_sums[i / 16] += static_cast<int32_t>(codes[i]);
  for (int i = 0; i < 16; ++i) {
    words[i * kTileRows] = (codes[2 * i] & 0xffff) | codes[2 * i + 1] << 16;
  }
}
#endif

// Rows of x rounded to whole numbers of steps; 32 values share a step.
void quantise_rows(const ProductRowsView& to, int64_t begin, int64_t end) {
  const Matrix<const float> x = to.x;
  const int64_t blocks = x.cols / 32, lower = x.cols / kPerWord * kTileRows;
  const float steps = to.wide ? 127.0f * 256.0f : 127.0f;
  for (int64_t row = begin * kTileRows; row < std::min(x.rows, end * kTileRows); ++row) {
    const int64_t tile = row / kTileRows, r = row % kTileRows;
    uint32_t* words = to.codes + tile * to.tile_words + r;
    for (int64_t b = 0; b < blocks; ++b, words += 32 / kPerWord * kTileRows) {
      const float* from = x.row(row) + b * 32;
      VF values[32 / kLanes], top = zero();
      for (int i = 0; i < 32 / kLanes; ++i) {
        values[i] = load(from + i * kLanes);
        top = max(top, max(values[i], zero() - values[i]));
      }
      const float largest = reduce_max(top);
      const VF inverse = set1(largest > 0 ? steps / largest : 0.0f);
      VI rounded[32 / kLanes];
      for (int i = 0; i < 32 / kLanes; ++i) rounded[i] = to_int(values[i] * inverse);
      int32_t sums[2];
      put_codes(rounded, to.wide, lower, words, sums);
      const int64_t at = (tile * blocks + b) * kTileRows + r;
      to.scales[at] = largest / steps;
      to.sums[at] = -sums[0] - sums[1];
      to.scaled_sums[at] = to.scales[at] * static_cast<float>(to.sums[at]);
      int32_t* halves = to.half_sums + (tile * blocks + b) * 2 * kTileRows + r;
      halves[0] = -sums[0];
      halves[kTileRows] = -sums[1];
    }
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
#include "ops/block_product_floats.h"
namespace gantry::GANTRY_ISA {
namespace {

static_assert(kTileRows <= kMostTileRows);
constexpr BlockProductTable kBlockProductTable = {kTileRows, kPerWord, quantise_rows,
                                                  product_blocks, product_floats};

}  // namespace
}  // namespace gantry::GANTRY_ISA
