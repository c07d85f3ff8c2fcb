// The kernels of block_product.h.
#pragma once

#include <cstdint>

#include "ops/block_product.h"

namespace gantry {

// Output columns that a task takes at least.
constexpr int64_t kProductColumns = 32;
// Rows of x lie in tiles of at most so many.
constexpr int64_t kMostTileRows = 8;

// Rows of x as the kernels read them, in tiles of `tile_rows`; the last one is filled up. k:
// columns, a multiple of 32 where codes are there.
struct ProductRowsView {
  Matrix<const float> x;
  // [tile][k / 4 or k / 2][tile_rows] words of 4 or 2 codes. Wide codes have 16 bits; AVX-512 has
  // them as words of the upper bytes and then words of the lower ones, code = 256 upper + lower,
  // both signed.
  uint32_t* codes = nullptr;
  int64_t tile_words = 0;   // from one tile to the next
  float* scales = nullptr;  // [tile][k / 32][tile_rows]
  int32_t* sums = nullptr;  // of the codes, negated; scaled_sums: times the scale
  float* scaled_sums = nullptr;
  int32_t* half_sums = nullptr;  // [tile][k / 32][2][tile_rows]
  bool wide = false;
};

struct BlockProductTable {
  int64_t tile_rows;
  int64_t word_codes;  // in a word of codes that are not wide
  // Tiles [begin, end) of `rows.x` rounded to codes.
  void (*quantise)(const ProductRowsView& rows, int64_t begin, int64_t end);
  // Output columns [first, last), `first` a multiple of kProductColumns.
  void (*blocks)(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                 int64_t last);
  void (*floats)(const ProductRowsView& x, const ProductOutput& output, int64_t first,
                 int64_t last);
};

const BlockProductTable& block_product_table_avx2();
const BlockProductTable& block_product_table_avx512();

}  // namespace gantry
