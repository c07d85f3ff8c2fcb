// What becomes of a tile of sums: bias, activation or its derivative, residual, rounding, store.
// Included by the kernels of linear and linear_int8.
#pragma once

#include "ops/gelu_simd.h"
#include "ops/gemm_simd.h"
#include "ops/linear_table.h"

namespace gantry::GANTRY_ISA {
namespace {

// Applies the epilogue to `rows` x `cols` sums in `tile` (kNr a row) that belong at (row, column).
// Whole tiles go kGroup vectors at a time.
template <Activation kind, typename T>
struct TileFinish {
  static constexpr int kGroup = 2 * kNv;  // two rows
  static constexpr bool kRough = sizeof(T) == 2;
  const LinearEpilogue<T>& e;

  template <typename V, typename Load, typename Store>
  GANTRY_INLINE void element(V v, const Load& load_all, const Store& store_all) const {
    if (e.bias) v = v + load_all(e.bias, 0);
    if (e.backward) {
      if constexpr (kind != Activation::kNone) {
        v = v * derivative<kind, kRough>(V(load_all(e.pre.data, e.pre.ld)));
      }
    } else {
      if (!e.pre.empty()) store_all(e.pre.data, e.pre.ld, v);
      v = activate<kind, kRough>(v);
    }
    if (!e.add.empty()) v = v + load_all(e.add.data, e.add.ld);
    store_all(e.y.data, e.y.ld, v);
  }

  GANTRY_INLINE void two_rows(const float* tile, int64_t row, int64_t column) const {
    using V = Wide<kGroup>;
    V v;
    for (int i = 0; i < kGroup; ++i) v.v[i] = load(tile + i / kNv * kNr + i % kNv * kLanes);
    const auto at = [&](int i, int64_t ld)
                        GANTRY_LAMBDA { return (row + i / kNv) * ld + column + i % kNv * kLanes; };
    element(
        v,
        [&](const auto* from, int64_t ld) GANTRY_LAMBDA {
          V x;
#pragma GCC unroll 8
          for (int i = 0; i < kGroup; ++i) {
            x.v[i] = load(from + (ld ? at(i, ld) : column + i % kNv * kLanes));
          }
          return x;
        },
        [&](T* to, int64_t ld, V x) GANTRY_LAMBDA {
#pragma GCC unroll 8
          for (int i = 0; i < kGroup; ++i) store(to + at(i, ld), x.v[i]);
        });
  }

  GANTRY_INLINE void one_row(const float* tile, int64_t row, int64_t column, int64_t cols) const {
    for_lanes(cols, [&](int64_t c, auto lanes) {
      element(
          load(tile + c),
          [&](const auto* from, int64_t ld) { return lanes.load(from + row * ld + column + c); },
          [&](T* to, int64_t ld, VF x) { lanes.store(to + row * ld + column + c, x); });
    });
  }
};

template <Activation kind, typename T>
void finish_tile(const LinearEpilogue<T>& e, const float* tile, int64_t row, int64_t rows,
                 int64_t column, int64_t cols) {
  const TileFinish<kind, T> finish{e};
  int64_t r = 0;
  if (cols == kNr) {
    for (; r + 2 <= rows; r += 2) finish.two_rows(tile + r * kNr, row + r, column);
  }
  for (; r < rows; ++r) finish.one_row(tile + r * kNr, row + r, column, cols);
}

// The same for whole rows of sums.
template <Activation kind, typename T>
void finish_rows(const LinearEpilogue<T>& e, const float* sums, int64_t row_begin,
                 int64_t row_end) {
  const TileFinish<kind, T> finish{e};
  for (int64_t r = row_begin; r < row_end; ++r) {
    finish.one_row(sums + r * e.y.cols, r, 0, e.y.cols);
  }
}

// Asks for what the epilogue of a tile will touch: pieces of a line each from many rows, which no
// hardware prefetcher foresees. The tile's products take long enough for them to arrive.
template <typename T>
GANTRY_INLINE void prefetch_tile(const LinearEpilogue<T>& e, int64_t row, int64_t rows,
                                 int64_t column) {
  for (int64_t r = row; r < row + rows; ++r) {
    for (size_t line = 0; line < kNr * sizeof(T); line += 64) {
      const int64_t c = column + static_cast<int64_t>(line / sizeof(T));
      __builtin_prefetch(e.y.row(r) + c, 1);
      if (!e.pre.empty()) __builtin_prefetch(e.pre.row(r) + c, 1);
      if (!e.add.empty()) __builtin_prefetch(e.add.row(r) + c, 0);
    }
  }
}

template <typename T>
using FinishTile = void (*)(const LinearEpilogue<T>&, const float*, int64_t, int64_t, int64_t,
                            int64_t);
template <typename T>
constexpr FinishTile<T> kFinishTile[] = {
    finish_tile<Activation::kNone, T>, finish_tile<Activation::kGelu, T>,
    finish_tile<Activation::kGeluTanh, T>, finish_tile<Activation::kRelu, T>,
    finish_tile<Activation::kTanh, T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
