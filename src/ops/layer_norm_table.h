// The kernels of layer_norm.h: rows [begin, end).
#pragma once

#include <cstdint>

#include "ops/layer_norm.h"

namespace gantry {

template <typename T>
struct LayerNormForwardCall {
  Matrix<const T> branch, residual;
  const float* bias;
  Dropout dropout;
  LayerNormWeights weights;
  LayerNormSaved<T> saved;
  Matrix<T> y;
};

template <typename T>
struct LayerNormBackwardCall {
  Matrix<const T> dy, dy2;
  Dropout dropout;
  LayerNormWeights weights;
  LayerNormSaved<T> saved;
  Matrix<T> dresidual, dbranch;
};

template <typename T>
struct LayerNormTable {
  // buffer: 3 rows of floats, each rounded up to 32.
  void (*forward)(const LayerNormForwardCall<T>& call, int64_t begin, int64_t end, float* buffer);
  // sums: dgamma, dbeta, dbias of these rows, written whole; each `stride` floats apart.
  void (*backward)(const LayerNormBackwardCall<T>& call, int64_t begin, int64_t end, float* buffer,
                   float* sums, int64_t stride);
};

template <typename T>
const LayerNormTable<T>& layer_norm_table_avx2();
template <typename T>
const LayerNormTable<T>& layer_norm_table_avx512();

}  // namespace gantry
