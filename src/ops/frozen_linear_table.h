// How frozen_linear.h stores a weight, and its kernels: one task's share of a product.
//
// Panels of 32 rows of W (output columns of y = x W^T), one after another. A panel has, for each of
// `in` padded to 16 (nf4: to 64) elements along k, the 32 rows' values side by side:
//   f32, bf16:  [k][32] values
//   int8:       [k][32] bytes, then [32] floats: the rows' scales
//   nf4:        [k][16] bytes, byte j holding row j (low bits) and j + 16 (high);
//               then [k / 64][32] bytes: codes of the blocks' scales;
//               then for each 8 blocks of k (256 scales) two floats: scale = first + code * second
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "ops/frozen_linear.h"
#include "ops/nf4.h"

namespace gantry {

struct FrozenStore {
  const uint8_t* data = nullptr;
  FrozenType type = FrozenType::bf16;
  int64_t in = 0, out = 0;

  static constexpr int64_t kRows = FrozenLinear::kPanelRows;
  static constexpr int64_t kBlocksAGroup = 8;

  int64_t depth() const {  // of a panel along k
    const int64_t step = type == FrozenType::nf4 ? kNf4Block : 16;
    return (in + step - 1) / step * step;
  }
  int64_t panels() const { return (out + kRows - 1) / kRows; }
  int64_t value_bytes() const {  // of a panel
    switch (type) {
      case FrozenType::f32:
        return depth() * kRows * 4;
      case FrozenType::bf16:
        return depth() * kRows * 2;
      case FrozenType::int8:
        return depth() * kRows;
      default:
        return depth() * kRows / 2;
    }
  }
  int64_t blocks() const { return depth() / kNf4Block; }
  int64_t groups() const { return (blocks() + kBlocksAGroup - 1) / kBlocksAGroup; }
  int64_t panel_bytes() const {  // a multiple of 64
    int64_t bytes = value_bytes();
    if (type == FrozenType::int8) bytes += kRows * 4;
    if (type == FrozenType::nf4) bytes += blocks() * kRows + groups() * 8;
    return (bytes + 63) / 64 * 64;
  }
  const uint8_t* panel(int64_t p) const { return data + p * panel_bytes(); }
  const float* int8_scales(int64_t p) const {
    return reinterpret_cast<const float*>(panel(p) + value_bytes());
  }
  const uint8_t* nf4_codes(int64_t p) const { return panel(p) + value_bytes(); }
  const float* nf4_groups(int64_t p) const {
    return reinterpret_cast<const float*>(nf4_codes(p) + blocks() * kRows);
  }
};

template <typename X, typename Y>
struct FrozenCall {
  FrozenStore store;
  bool backward = false;  // dx = dy W instead of y = x W^T
  Matrix<const X> x;
  std::span<const LowRankTerm<X>> terms;
  Dropout mask;  // of the terms
  Matrix<const Y> add;
  Matrix<Y> y;
};

template <typename X, typename Y>
struct FrozenTable {
  int64_t panel_columns;  // of y that a task's panel stands for
  int64_t block_rows;     // of a tile
  void (*rows)(const FrozenCall<X, Y>& call, int64_t row_begin, int64_t row_end,
               int64_t panel_begin, int64_t panel_end);
};

template <typename X, typename Y>
const FrozenTable<X, Y>& frozen_table_avx2();
template <typename X, typename Y>
const FrozenTable<X, Y>& frozen_table_avx512();

// Rows of packed x that a task holds at once, for products over k elements.
int64_t frozen_depth_block(int64_t k);

}  // namespace gantry
