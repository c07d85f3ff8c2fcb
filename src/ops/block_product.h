// Products with matrices as weight files store them: y = x W^T, W in floats or in ggml's blocks
// (Q4_0 ... Q6_K), read where it lies (mapped, not copied) and unpacked 16 rows at a time into the
// first-level cache.
//
//   ProductRows x(rows, 576, ProductRows::kInt16);
//   x.set(activations);                                  // rounds them to 16 bits, once
//   block_product(x, {{&q, q_out}, {&k, k_out}, {&v, v_out}});
//
// Block types, with rows rounded (32 values share a step: their largest magnitude / 127 for kInt8,
// / 32,512 for kInt16):
//   y[r, o] = sum over blocks b, in order, of step_x[r, b] scale_w[o, b] sum_i qx qw (exact, int32)
//             (- step_x sum_i qx minimum_w, where the type has minima)
// Float types, and block types with exact rows: W decoded to float32, fp32 multiply-adds, in 16
// partial sums by place modulo 16. Either way the order does not depend on the number of rows, so
// that a row's result is the same bits alone and among others.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

#include "tensor/matrix.h"
#include "weights/block_types.h"

namespace gantry {

// A matrix [out, in] as stored; owns nothing.
struct BlockMatrix {
  BlockType type = BlockType::f32;
  int64_t out = 0, in = 0;
  const uint8_t* data = nullptr;
  int64_t row_bytes = 0;
  // > 0: rows j and j + rotary_half of each head of 2 rotary_half rows lie side by side.
  int64_t rotary_half = 0;

  const uint8_t* row(int64_t r) const {
    if (rotary_half == 0) return data + r * row_bytes;
    const int64_t size = 2 * rotary_half, within = r % size;
    return data + (r - within + 2 * (within % rotary_half) + within / rotary_half) * row_bytes;
  }
};

// Rows of x, made ready for products with matrices of the same width.
class ProductRows {
 public:
  // Float matrices read exact rows in any form. kInt16 costs twice the multiplications of kInt8
  // and is as good as exact: 16 bits a block of 32 against the 24 of a float.
  enum Form { kInt8, kInt16, kExact };
  ProductRows(int64_t max_rows, int64_t max_in, Form form);
  ~ProductRows();
  ProductRows(ProductRows&&) noexcept;

  // x [rows, in] must stay where it is until the last product with it.
  void set(In<float> x);
  int64_t rows() const;
  static int64_t bytes(int64_t max_rows, int64_t max_in, Form form);

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct ProductOutput {
  const BlockMatrix* weight;
  Matrix<float> y;   // [rows, out]
  bool add = false;  // y += instead of y =
};
// All outputs in one sweep of the threads.
void block_product(const ProductRows& x, std::span<const ProductOutput> outputs);
inline void block_product(const ProductRows& x, std::initializer_list<ProductOutput> outputs) {
  block_product(x, std::span<const ProductOutput>(outputs.begin(), outputs.size()));
}

}  // namespace gantry
