// The embedding layer of BERT, RoBERTa and XLM-R: word + position + token type, LayerNorm, dropout.
#pragma once

#include <cstdint>

#include "ops/layer_norm.h"

namespace gantry {

struct EmbeddingTables {
  const float* word = nullptr;      // [words, H]: the whole table, or a compact one
  const float* position = nullptr;  // [positions, H]
  const float* type = nullptr;      // [types, H]
  int64_t words = 0, positions = 0, types = 0;
};

// One entry a packed row, live rows only.
struct EmbeddingIds {
  const int32_t* word = nullptr;
  const int32_t* position = nullptr;  // the table's row (RoBERTa: position + padding_idx + 1)
  const int32_t* type = nullptr;      // null: all 0
  int64_t rows = 0;
};

// y [rows of the step, H]; rows from ids.rows on are zeros. mean, rstd [ids.rows] are for the
// backward pass, or null.
template <typename T>
void embedding_forward(const EmbeddingTables& tables, const EmbeddingIds& ids,
                       const LayerNormWeights& weights, const Dropout& dropout, float* mean,
                       float* rstd, Matrix<T> y);

struct EmbeddingGradients {  // fp32; null: not wanted. All are added to.
  float* word = nullptr;
  float* position = nullptr;
  float* type = nullptr;
  float* gamma = nullptr;
  float* beta = nullptr;
};

// dy [rows of the step, H] plus dy2 where not empty. `scratch` [ids.rows, H] fp32 holds the
// gradient of the sums. Rows are added in packed order for any number of threads.
template <typename T>
void embedding_backward(const EmbeddingTables& tables, const EmbeddingIds& ids,
                        const LayerNormWeights& weights, const Dropout& dropout, const float* mean,
                        const float* rstd, In<T> dy, In<T> dy2, Matrix<float> scratch,
                        const EmbeddingGradients& gradients);

}  // namespace gantry
