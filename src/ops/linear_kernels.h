// The code of linear.h for one instruction set. Loop order and sizes:
// - rows of x are packed in blocks that fit half of the second-level cache; every panel of the
// right-hand side passes
//   over them, and one tile runs over the whole of k, so that a sum never leaves its register
//   before it is final.
// - dW sums over rows: blocks of kBlockK words, dW itself holding the sums in between.
#pragma once

#include <algorithm>

#include "ops/gemm_simd.h"
#include "ops/linear_epilogue_simd.h"
#include "ops/linear_table.h"
#include "ops/scratch.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int64_t kRowBytes = 448 << 10;  // of packed rows of x
constexpr int64_t kBlockK = 512;          // words of k between two visits of dW
constexpr int64_t kBlocksAtOnce =
    4;  // of dy, packed together: 4 x 14 columns are two lines of bf16
constexpr int64_t kStrideByK = (kMr + kLanes - 1) / kLanes * kLanes;

template <bool kPairs>
int64_t panel_words(int64_t k) {
  return round_up(words_of(k, kPairs), kChunk) * kNr;
}

template <bool kPairs>
void pack_panels(const WeightSource& w, int64_t panel_begin, int64_t panel_end, float* panels) {
  const int64_t words = round_up(words_of(w.k, kPairs), kChunk);
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const int64_t column = p * kNr, live = std::min<int64_t>(kNr, w.n - column);
    float* out = panels + p * words * kNr;
    if (w.transposed) {
      pack_transposed<kPairs>(w.data + column * w.ld, w.ld, live, w.k, words, out);
    } else {
      pack_panel<kPairs>(w.data + column, w.ld, w.k, words, live, out);
    }
  }
}

template <bool kPairs, int kRows>
GANTRY_INLINE void row_tile(const float* a, const float* b, int64_t chunks, float* out) {
  Tile<kRows> tile;
  tile.clear();
  tile.template run_by_rows<kPairs>(a, kMr * kChunk, b, chunks);
  tile.store(out, kNr);
}

template <bool kPairs, typename T>
void linear_rows(const LinearRowsCall<T>& call, int64_t row_begin, int64_t row_end,
                 int64_t panel_begin, int64_t panel_end) {
  const int64_t k = call.x.cols;
  const int64_t words = round_up(words_of(k, kPairs), kChunk), chunks = words / kChunk;
  const int64_t block_words = words * kMr;
  const int64_t blocks_at_once = std::max<int64_t>(2, kRowBytes / (block_words * 4));
  float* packed = scratch<float>(Slot::kRows, blocks_at_once * block_words);
  const FinishTile<T> finish = kFinishTile<T>[static_cast<int>(call.epilogue.activation)];
  alignas(64) float sums[kMr * kNr];
  for (int64_t row = row_begin; row < row_end; row += blocks_at_once * kMr) {
    const int64_t last = std::min(row_end, row + blocks_at_once * kMr);
    float* a = packed;
    for (int64_t r = row; r < last; r += kMr, a += block_words) {
      pack_rows<kPairs>(call.x.row(r), call.x.ld, std::min<int64_t>(kMr, last - r), kMr, k,
                        kMr * kChunk, a);
    }
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const float* b = call.panels + p * words * kNr;
      const int64_t column = p * kNr, cols = std::min<int64_t>(kNr, call.n - column);
      a = packed;
      for (int64_t r = row; r < last; r += kMr, a += block_words) {
        const int64_t live = std::min<int64_t>(kMr, last - r);
        prefetch_tile(call.epilogue, r, live, column);
        if (live > 8 || kMr <= 8) {
          row_tile<kPairs, kMr>(a, b, chunks, sums);
        } else if (live > 4) {
          row_tile<kPairs, 8>(a, b, chunks, sums);
        } else {
          row_tile<kPairs, 4>(a, b, chunks, sums);
        }
        finish(call.epilogue, sums, r, live, column, cols);
      }
    }
  }
}

// db[c] = or += sums of the columns [begin, end) of rows [from, to) of dy.
template <typename T>
void add_columns(Matrix<const T> dy, int64_t from, int64_t to, int64_t begin, int64_t end, bool add,
                 float* db) {
  for (int64_t c = begin; c < end; c += kLanes) {
    const int64_t n = std::min<int64_t>(kLanes, end - c);
    VF sum = add ? load_n(db + c, n) : zero();
    for (int64_t r = from; r < to; ++r) {
      sum = sum + (n == kLanes ? load(dy.row(r) + c) : load_n(dy.row(r) + c, n));
    }
    store_n(db + c, sum, n);
  }
}

template <bool kPairs, typename T>
void linear_weight(const LinearWeightCall<T>& call, int64_t row_begin, int64_t row_end,
                   int64_t panel_begin, int64_t panel_end) {
  constexpr int64_t rows_at_once = kBlockK * (kPairs ? 2 : 1);
  constexpr int64_t block_words = kBlockK * kStrideByK + 16;  // + 16: not all in the same cache set
  const int64_t rows = call.x.rows, in = call.x.cols, out = call.dy.cols;
  const int64_t blocks = (row_end - row_begin + kMr - 1) / kMr;
  float* packed = scratch<float>(Slot::kRows, blocks * block_words);
  float* panel = scratch<float>(Slot::kTile, kBlockK * kNr);
  alignas(64) float sums[kMr * kNr];
  for (int64_t from = 0; from < std::max<int64_t>(rows, 1); from += rows_at_once) {
    const int64_t to = std::min(rows, from + rows_at_once);
    const int64_t words = words_of(to - from, kPairs);
    const bool add = call.accumulate || from > 0;
    for (int64_t b = 0; b < blocks; b += kBlocksAtOnce) {
      const int64_t column = row_begin + b * kMr;
      pack_across<kPairs>(call.dy.row(from) + column, call.dy.ld, to - from, words, out - column,
                          std::min(kBlocksAtOnce, blocks - b), kMr, block_words, kStrideByK,
                          packed + b * block_words);
    }
    if (call.db && panel_begin == 0) {
      add_columns(call.dy, from, to, row_begin, row_end, add, call.db);
    }
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      const int64_t column = p * kNr, cols = std::min<int64_t>(kNr, in - column);
      pack_panel<kPairs>(call.x.row(from) + column, call.x.ld, to - from, words, cols, panel);
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t row = row_begin + b * kMr, live = std::min<int64_t>(kMr, row_end - row);
        float* dw = call.dw + row * in + column;
        if (add) {
          for (int64_t r = 0; r < live; ++r) {
            for (int64_t c = 0; c < cols; c += 16) __builtin_prefetch(dw + r * in + c, 1);
          }
        }
        Tile<kMr> tile;
        tile.clear();
        tile.template run_by_k<kPairs>(packed + b * block_words, kStrideByK, panel, words);
        if (live == kMr && cols == kNr) {
          if (add) tile.add(dw, in);
          tile.store(dw, in);
          continue;
        }
        tile.store(sums, kNr);
        for (int64_t r = 0; r < live; ++r) {
          for_lanes(cols, [&](int64_t c, auto lanes) {
            VF v = load(sums + r * kNr + c);
            if (add) v = v + lanes.load(dw + r * in + c);
            lanes.store(dw + r * in + c, v);
          });
        }
      }
    }
  }
}

template <typename T>
void finish_sums(const LinearEpilogue<T>& e, const float* sums, int64_t row_begin,
                 int64_t row_end) {
  switch (e.activation) {
    case Activation::kGelu:
      return finish_rows<Activation::kGelu>(e, sums, row_begin, row_end);
    case Activation::kGeluTanh:
      return finish_rows<Activation::kGeluTanh>(e, sums, row_begin, row_end);
    case Activation::kRelu:
      return finish_rows<Activation::kRelu>(e, sums, row_begin, row_end);
    case Activation::kTanh:
      return finish_rows<Activation::kTanh>(e, sums, row_begin, row_end);
    default:
      return finish_rows<Activation::kNone>(e, sums, row_begin, row_end);
  }
}

template <typename T>
void column_sums(Matrix<const T> dy, int64_t begin, int64_t end, bool add, float* db) {
  add_columns(dy, 0, dy.rows, begin, end, add, db);
}

template <bool kPairs, typename T>
constexpr LinearTable<T> kLinearTable = {kNr,
                                         kMr,
                                         panel_words<kPairs>,
                                         pack_panels<kPairs>,
                                         linear_rows<kPairs, T>,
                                         linear_weight<kPairs, T>,
                                         finish_sums<T>,
                                         column_sums<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
