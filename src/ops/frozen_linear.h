// A frozen weight W [out, in] as fp32, bf16, int8 (a scale a row) or nf4 (blocks of 64 along a row,
// double quantisation; Dettmers et al. 2023), and its two products y = x W^T and dx = dy W, with
// low-rank adapters folded in: y = x W^T + low B^T, dx = dy W + dlow A.
//
// W is packed once, in panels of 32 rows; the products unpack a panel at a time into a cache-sized
// buffer, so that only the stored form ever lies in memory. Sums are fp32 and taken in an order
// that depends neither on threads nor on the other rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "ops/dropout.h"
#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

enum class FrozenType { f32, bf16, int8, nf4 };
const char* name_of(FrozenType type);  // "fp32", "bf16", "int8", "nf4"
bool frozen_type_of(const std::string& name, FrozenType& type);

// More columns of x, or rows of W, in the same product: `x` [rows, k] times `w` [k, columns], added
// to columns [first, first + columns) of the result.
template <typename T>
struct LowRankTerm {
  Matrix<const T> x;
  const float* w = nullptr;  // row j of k at w + j * ld
  int64_t ld = 0;
  int64_t first = 0, columns = 0;
};

class FrozenLinear {
 public:
  // storage: storage_bytes() bytes, 64-byte aligned, outliving this.
  FrozenLinear() = default;
  FrozenLinear(int64_t in, int64_t out, FrozenType type, void* storage);
  static int64_t storage_bytes(int64_t in, int64_t out, FrozenType type);

  // Rows [begin, begin + rows) of W, fp32 [rows, in]. `begin` and, but for the last piece, `rows`
  // are multiples of kPanelRows.
  static constexpr int64_t kPanelRows = 32;
  void pack(int64_t begin, int64_t rows, const float* weights);
  // Row r as the products see it.
  void unpack_row(int64_t r, std::span<float> out) const;

  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  FrozenType type() const { return type_; }

  // y [rows, out] = x [rows, in] W^T + sum of terms (+ add, which may be y).
  template <typename X, typename Y>
  void forward(Matrix<const X> x, std::span<const LowRankTerm<X>> terms, In<Y> add,
               Matrix<Y> y) const;
  // dx [rows, in] = dy [rows, out] W + mask o (sum of terms) (+ add, which may be dx). The mask is
  // that of the dropout through which the terms' other side went.
  template <typename X, typename Y>
  void backward_data(Matrix<const X> dy, std::span<const LowRankTerm<X>> terms, const Dropout& mask,
                     In<Y> add, Matrix<Y> dx) const;

 private:
  int64_t in_ = 0, out_ = 0;
  FrozenType type_ = FrozenType::bf16;
  uint8_t* storage_ = nullptr;
};

}  // namespace gantry
