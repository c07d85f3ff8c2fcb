// Matrix<T>: a view of rows x cols elements, row-major, `ld` elements from one row to the next.
// Owns nothing.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/error.h"

namespace gantry {

template <typename T>
struct Matrix {
  T* data = nullptr;
  int64_t rows = 0, cols = 0, ld = 0;

  Matrix() = default;
  Matrix(T* data, int64_t rows, int64_t cols) : Matrix(data, rows, cols, cols) {}
  Matrix(T* data, int64_t rows, int64_t cols, int64_t ld)
      : data(data), rows(rows), cols(cols), ld(ld) {}

  T* row(int64_t r) const { return data + r * ld; }
  bool empty() const { return data == nullptr; }
  bool contiguous() const { return ld == cols; }
  Matrix row_range(int64_t begin, int64_t count) const {
    GANTRY_CHECK(begin >= 0 && count >= 0 && begin + count <= rows);
    return {data + begin * ld, count, cols, ld};
  }
  Matrix col_range(int64_t begin, int64_t count) const {
    GANTRY_CHECK(begin >= 0 && count >= 0 && begin + count <= cols);
    return {data + begin, rows, count, ld};
  }
  operator Matrix<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols, ld}; }
};

// For parameters of templates: Const<T> is Matrix<const T> in a place where T is not deduced, so
// that a Matrix<T> converts.
template <typename T>
using In = std::type_identity_t<Matrix<const T>>;

}  // namespace gantry
