// The kernels of block_product.h.
#pragma once

#include <cstdint>

#include "ops/block_product.h"

namespace gantry {

// Rows of x as the kernels read them. k: columns, a multiple of 32 where codes are there.
struct ProductRowsView {
  Matrix<const float> x;
  // Per row: k codes, k / 32 scales, k / 16 sums of codes. Wide codes have 16 bits; AVX-512 has
  // them as k upper bytes and then k lower ones, code = 256 upper + lower, both signed.
  const uint8_t* codes = nullptr;
  const float* scales = nullptr;
  const int32_t* sums = nullptr;
  int64_t code_bytes = 0;  // of a row
  bool wide = false;
};

struct BlockProductTable {
  int64_t code_width;  // bytes of a code of x that is not wide
  // Rows [begin, end) of x rounded to codes.
  void (*quantise)(Matrix<const float> x, bool wide, int64_t begin, int64_t end, uint8_t* codes,
                   int64_t code_bytes, float* scales, int32_t* sums);
  // Output columns [16 first, 16 last) (the last group may be short).
  void (*blocks)(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                 int64_t last);
  void (*floats)(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                 int64_t last);
};

const BlockProductTable& block_product_table_avx2();
const BlockProductTable& block_product_table_avx512();

}  // namespace gantry
