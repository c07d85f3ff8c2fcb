// The code of frozen_linear.h for one instruction set. A task has rows of x and panels of columns
// of y. Rows of x are packed in blocks that share the second-level cache with one unpacked panel;
// long sums over k are taken in blocks, between which the tiles' sums wait in fp32. Low-rank terms
// are more steps of the same sums, after the last block.
#pragma once

#include <algorithm>

#include "ops/dropout_simd.h"
#include "ops/frozen_linear_unpack.h"
#include "ops/scratch.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int64_t kPackedBytes = 640 << 10;  // of packed rows of x
constexpr int64_t kTileSums = kMr * kNr;

template <typename Y>
GANTRY_INLINE void finish_frozen(const Matrix<const Y>& add, const Matrix<Y>& y, const float* sums,
                                 int64_t row, int64_t rows, int64_t column, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    Y* to = y.row(row + r) + column;
    const Y* more = add.empty() ? nullptr : add.row(row + r) + column;
    for_lanes(cols, [&](int64_t c, auto lanes) {
      VF v = load(sums + r * kNr + c);
      if (more) v = v + lanes.load(more + c);
      lanes.store(to + c, v);
    });
  }
}

template <typename Y>
GANTRY_INLINE void prefetch_frozen(const Matrix<const Y>& add, const Matrix<Y>& y, int64_t row,
                                   int64_t rows, int64_t column) {
  for (int64_t r = row; r < row + rows; ++r) {
    for (size_t line = 0; line < kNr * sizeof(Y); line += 64) {
      const int64_t c = column + static_cast<int64_t>(line / sizeof(Y));
      __builtin_prefetch(y.row(r) + c, 1);
      if (!add.empty()) __builtin_prefetch(add.row(r) + c, 0);
    }
  }
}

// One product that a tile runs over: packed rows and a panel.
struct FrozenPart {
  const float* rows;   // of the first tile
  int64_t tile_words;  // from one tile to the next
  const float* panel;
  int64_t chunks;
};

template <int kRows>
void frozen_tile(const FrozenPart* parts, int64_t count, int64_t tile_index, bool resume,
                 float* sums) {
  Tile<kRows> tile;
  if (resume) {
    tile.load(sums, kNr);
  } else {
    tile.clear();
  }
  for (int64_t i = 0; i < count; ++i) {
    tile.template run_by_rows<false>(parts[i].rows + tile_index * parts[i].tile_words, kMr * kChunk,
                                     parts[i].panel, parts[i].chunks);
  }
  tile.store(sums, kNr);
}

// sums += the mask of rows from `row` on, columns from `column` on, times more.
GANTRY_INLINE void add_masked(const Dropout& mask, int64_t row, int64_t rows, int64_t column,
                              const float* more, float* sums) {
  for (int64_t r = 0; r < rows; ++r) {
    VF factor[2];
    dropout_row(mask, row + r).factors(static_cast<uint32_t>(column), factor[0], factor[1]);
    for (int v = 0; v < kNv; ++v) {
      float* to = sums + r * kNr + v * kLanes;
      store(to, fma(factor[v], load(more + r * kNr + v * kLanes), load(to)));
    }
  }
}

// A tile by as many rows as are live.
inline void frozen_live_tile(int64_t live, const FrozenPart* parts, int64_t count,
                             int64_t tile_index, bool resume, float* sums) {
  if (live > 8 || kMr <= 8) {
    frozen_tile<kMr>(parts, count, tile_index, resume, sums);
  } else if (live > 4) {
    frozen_tile<8>(parts, count, tile_index, resume, sums);
  } else {
    frozen_tile<4>(parts, count, tile_index, resume, sums);
  }
}

// Which columns of a panel a term adds to.
template <typename X>
GANTRY_INLINE bool touches(const LowRankTerm<X>& term, int64_t column) {
  return term.first < column + kNr && term.first + term.columns > column;
}

// The term's panel: out[k][kNr] with zeros where it has no columns, k padded to 16.
template <typename X>
GANTRY_INLINE void pack_term(const LowRankTerm<X>& term, int64_t column, float* out) {
  const int64_t k = term.x.cols, padded = round_up(k, kChunk);
  const int64_t from = std::max(term.first, column);
  const int64_t to = std::min(term.first + term.columns, column + kNr);
  std::memset(out, 0, static_cast<size_t>(padded * kNr) * sizeof(float));
  for (int64_t j = 0; j < k; ++j) {
    const float* w = term.w + j * term.ld + (from - term.first);
    std::memcpy(out + j * kNr + (from - column), w, static_cast<size_t>(to - from) * sizeof(float));
  }
}

template <typename X>
GANTRY_INLINE void pack_tiles(Matrix<const X> x, int64_t row, int64_t last, int64_t k_begin,
                              int64_t k, int64_t padded, float* packed) {
  for (int64_t r = row; r < last; r += kMr, packed += padded * kMr) {
    pack_rows<false>(x.row(r) + k_begin, x.ld, std::min<int64_t>(kMr, last - r), kMr, k,
                     kMr * kChunk, packed);
    for (int64_t c = round_up(k, kChunk); c < padded; c += kChunk) {
      std::memset(packed + c * kMr, 0, kMr * kChunk * sizeof(float));
    }
  }
}

// Elements of k that the stored form has: zeros behind the live ones.
inline int64_t frozen_depth(const FrozenStore& w, bool backward) {
  return backward ? round_up(w.out, kNr > kChunk ? kNr : kChunk) : w.depth();
}

template <typename X, typename Y>
void frozen_rows(const FrozenCall<X, Y>& call, int64_t row_begin, int64_t row_end,
                 int64_t panel_begin, int64_t panel_end) {
  constexpr int64_t kMaxTerms = 8;
  GANTRY_CHECK(static_cast<int64_t>(call.terms.size()) <= kMaxTerms);
  const int64_t depth = frozen_depth(call.store, call.backward), live_k = call.x.cols;
  const int64_t block = std::min(depth, frozen_depth_block(depth));
  const int64_t tiles_at_once = std::max<int64_t>(2, kPackedBytes / (block * kMr * 4));
  const int64_t panels = panel_end - panel_begin;
  const bool masked = call.mask.active();
  int64_t term_words = 0, term_panel_words = 0;
  for (const LowRankTerm<X>& t : call.terms) {
    term_words += round_up(t.x.cols, kChunk) * kMr * tiles_at_once;
    term_panel_words += round_up(t.x.cols, kChunk) * kNr;
  }
  float* packed = scratch<float>(Slot::kRows, tiles_at_once * kMr * block + term_words);
  float* terms_packed = packed + tiles_at_once * kMr * block;
  float* panel = scratch<float>(Slot::kTile, block * kNr + term_panel_words);
  float* sums = scratch<float>(Slot::kScores, panels * tiles_at_once * kTileSums);
  for (int64_t row = row_begin; row < row_end; row += tiles_at_once * kMr) {
    const int64_t last = std::min(row_end, row + tiles_at_once * kMr);
    float* to = terms_packed;
    for (const LowRankTerm<X>& t : call.terms) {
      pack_tiles<X>(t.x, row, last, 0, t.x.cols, round_up(t.x.cols, kChunk), to);
      to += round_up(t.x.cols, kChunk) * kMr * tiles_at_once;
    }
    for (int64_t k = 0; k < depth; k += block) {
      const int64_t words = std::min(block, depth - k);
      const bool final = k + words == depth;
      pack_tiles<X>(call.x, row, last, k, std::max<int64_t>(0, std::min(words, live_k - k)), words,
                    packed);
      for (int64_t p = panel_begin; p < panel_end; ++p) {
        const int64_t column = p * kNr;
        if (call.backward) {
          unpack_columns(call.store, column, k, k + words, panel);
        } else {
          unpack_rows(call.store, column / FrozenStore::kRows, column % FrozenStore::kRows, k,
                      k + words, panel);
        }
        FrozenPart parts[1 + kMaxTerms] = {{packed, words * kMr, panel, words / kChunk}};
        int64_t count = 1;
        const float* term_rows = terms_packed;
        float* term_panel = panel + block * kNr;
        for (const LowRankTerm<X>& t : call.terms) {
          const int64_t padded = round_up(t.x.cols, kChunk);
          if (final && touches(t, column)) {
            pack_term(t, column, term_panel);
            parts[count++] = {term_rows, padded * kMr, term_panel, padded / kChunk};
            term_panel += padded * kNr;
          }
          term_rows += padded * kMr * tiles_at_once;
        }
        float* tile_sums = sums + (p - panel_begin) * tiles_at_once * kTileSums;
        const int64_t cols = std::min<int64_t>(kNr, call.y.cols - column);
        for (int64_t r = row, i = 0; r < last; r += kMr, ++i, tile_sums += kTileSums) {
          const int64_t live = std::min<int64_t>(kMr, last - r);
          if (final) prefetch_frozen(call.add, call.y, r, live, column);
          frozen_live_tile(live, parts, masked ? 1 : count, i, k > 0, tile_sums);
          if (masked && count > 1) {
            alignas(64) float more[kTileSums];
            frozen_live_tile(live, parts + 1, count - 1, i, false, more);
            add_masked(call.mask, r, live, column, more, tile_sums);
          }
          if (final) finish_frozen(call.add, call.y, tile_sums, r, live, column, cols);
        }
      }
    }
  }
}

template <typename X, typename Y>
constexpr FrozenTable<X, Y> kFrozenTable = {kNr, kMr, frozen_rows<X, Y>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
