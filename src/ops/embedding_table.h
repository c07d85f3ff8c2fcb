// The kernels of embedding.h: rows [begin, end).
#pragma once

#include <cstdint>

#include "ops/embedding.h"

namespace gantry {

template <typename T>
struct EmbeddingForwardCall {
  EmbeddingTables tables;
  EmbeddingIds ids;
  LayerNormWeights weights;
  Dropout dropout;
  float* mean;
  float* rstd;
  Matrix<T> y;
};

template <typename T>
struct EmbeddingBackwardCall {
  EmbeddingTables tables;
  EmbeddingIds ids;
  LayerNormWeights weights;
  Dropout dropout;
  const float* mean;
  const float* rstd;
  Matrix<const T> dy, dy2;
  Matrix<float> dx;
};

template <typename T>
struct EmbeddingKernels {
  void (*forward)(const EmbeddingForwardCall<T>& call, int64_t begin, int64_t end, float* buffer);
  // sums: dgamma, dbeta of these rows, written whole, `stride` floats apart.
  void (*backward)(const EmbeddingBackwardCall<T>& call, int64_t begin, int64_t end, float* buffer,
                   float* sums, int64_t stride);
};

template <typename T>
const EmbeddingKernels<T>& embedding_kernels_avx2();
template <typename T>
const EmbeddingKernels<T>& embedding_kernels_avx512();

}  // namespace gantry
