// The kernels of linear.h: one task's share of a product.
#pragma once

#include <cstdint>

#include "ops/linear.h"

namespace gantry {

// What becomes of a sum v of element (r, c) of a product:
//   v += bias[c]; then, forward: pre[r, c] = v, v = activation(v); backward: v *=
//   activation'(pre[r, c]); v += add[r, c]; y[r, c] = v.
template <typename T>
struct LinearEpilogue {
  const float* bias = nullptr;
  Activation activation = Activation::kNone;
  bool backward = false;
  Matrix<T> pre = {};
  Matrix<const T> add = {};
  Matrix<T> y = {};
};

// A weight as the right-hand side [k, n] of a product.
struct WeightSource {
  const float* data = nullptr;
  int64_t ld = 0;
  bool transposed = false;  // data is [n, k] (forward) instead of [k, n] (backward)
  int64_t k = 0, n = 0;
};

template <typename T>
struct LinearRowsCall {
  Matrix<const T> x;    // [rows, k]
  const float* panels;  // the packed right-hand side
  int64_t n;
  LinearEpilogue<T> epilogue;
};

template <typename T>
struct LinearWeightCall {
  Matrix<const T> dy, x;
  float* dw;  // [dy.cols, x.cols]
  float* db;  // [dy.cols] or null
  bool accumulate;
};

template <typename T>
struct LinearTable {
  int64_t panel_columns;              // of a panel of the right-hand side
  int64_t block_rows;                 // of a tile
  int64_t (*panel_words)(int64_t k);  // 32-bit words of one panel
  void (*pack)(const WeightSource& w, int64_t panel_begin, int64_t panel_end, float* panels);
  void (*rows)(const LinearRowsCall<T>& call, int64_t row_begin, int64_t row_end,
               int64_t panel_begin, int64_t panel_end);
  // Rows [row_begin, row_end) of dw, in columns of the panels; db by the task that has panel 0.
  void (*weight)(const LinearWeightCall<T>& call, int64_t row_begin, int64_t row_end,
                 int64_t panel_begin, int64_t panel_end);
  // The epilogue alone, of rows [row_begin, row_end) of fp32 sums [rows, y.cols] with room for a
  // vector behind the last.
  void (*finish)(const LinearEpilogue<T>& epilogue, const float* sums, int64_t row_begin,
                 int64_t row_end);
  // db[c] = or += column sums of dy, c in [begin, end).
  void (*column_sums)(Matrix<const T> dy, int64_t begin, int64_t end, bool add, float* db);
};

template <typename T>
const LinearTable<T>& linear_table_avx2();
template <typename T>
const LinearTable<T>& linear_table_avx512();
const LinearTable<bf16>& linear_table_avx512_pairs();  // vdpbf16ps

}  // namespace gantry
