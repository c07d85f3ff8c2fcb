// The kernels of linear_int8.h.
#pragma once

#include <cstdint>

#include "ops/linear_table.h"

namespace gantry {

// A packed weight: panels of 32-bit words of quantised values along k, and for each column its
// scale and its sum of quantised values.
struct Int8Weight {
  int32_t* panels = nullptr;
  float* scale = nullptr;  // [columns, rounded up to whole panels]
  float* sum = nullptr;
};

template <typename T>
struct LinearInt8Call {
  Matrix<const T> x;
  Int8Weight weight;
  int64_t n;
  LinearEpilogue<T> epilogue;
};

template <typename T>
struct LinearInt8Table {
  int64_t panel_columns, block_rows;
  int64_t (*panel_words)(int64_t k);
  void (*pack)(const float* weight, int64_t k, int64_t n, const Int8Weight& out);
  void (*rows)(const LinearInt8Call<T>& call, int64_t row_begin, int64_t row_end,
               int64_t panel_begin, int64_t panel_end);
};

template <typename T>
const LinearInt8Table<T>& linear_int8_table_avx2();
template <typename T>
const LinearInt8Table<T>& linear_int8_table_avx512();

}  // namespace gantry
