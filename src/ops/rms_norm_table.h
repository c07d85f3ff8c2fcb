// The kernels of rms_norm.h: rows [begin, end).
#pragma once

#include <cstdint>

#include "ops/rms_norm.h"

namespace gantry {

template <typename T>
struct RmsNormForwardCall {
  Matrix<const T> x;
  RmsNormWeights weights;
  Matrix<T> y;
  float* rstd;
};

template <typename T>
struct RmsNormBackwardCall {
  Matrix<const T> dy, x, add;
  const float* rstd;
  RmsNormWeights weights;
  Matrix<T> dx;
};

template <typename T>
struct RmsNormTable {
  void (*forward)(const RmsNormForwardCall<T>& call, int64_t begin, int64_t end);
  void (*backward)(const RmsNormBackwardCall<T>& call, int64_t begin, int64_t end);
};

template <typename T>
const RmsNormTable<T>& rms_norm_table_avx2();
template <typename T>
const RmsNormTable<T>& rms_norm_table_avx512();

}  // namespace gantry
