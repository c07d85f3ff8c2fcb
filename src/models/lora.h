// AdaptedLinear<T>: a linear layer, and, over column ranges of its output, low-rank adapters (Hu et
// al. 2021): y = x W^T + b + (alpha / r) dropout(x) A^T B^T. Without adapters it is the layer
// alone. Where adapters are present the layer itself is frozen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/gradients.h"
#include "models/parameters.h"
#include "ops/dropout.h"
#include "ops/linear.h"
#include "ops/linear_int8.h"
#include "tensor/arena.h"

namespace gantry {

template <typename T>
class AdaptedLinear {
 public:
  // `weight` and `bias` are offsets into the flat array. `adapters` divide the output columns
  // evenly among them; those with offsets -1 are absent.
  // int8: inference in 8 bits.
  AdaptedLinear(std::string name, int64_t in, int64_t out, int64_t weight, int64_t bias,
                std::span<const LoraOffsets> adapters, const LoraShape& lora, int64_t rows,
                bool training, bool int8, TensorSpecs& specs);
  void bind(const Arena& arena, const float* weights);
  void pack(bool frozen_too);

  // Keeps the adapters' intermediates for backward. `dropout` is the adapters'.
  void forward(In<T> x, const Dropout& dropout, const LinearForward<T>& how, Matrix<T> y);
  void backward_data(In<T> dy, const Dropout& dropout, const LinearBackwardData<T>& how,
                     Matrix<T> dx);
  // Before backward_data. bias_too: also the gradient of the bias (not where LayerNorm gives it).
  void backward_weight(In<T> dy, In<T> x, const Dropout& dropout, const Gradients& gradients,
                       bool bias_too);
  bool adapted() const { return !adapters_.empty(); }
  const float* bias() const { return bias_ < 0 ? nullptr : weights_ + bias_; }

 private:
  struct Adapter {
    int64_t first_column, columns;
    LoraOffsets offsets;
    Linear<T> a, b;
    int low_tensor = -1, low_gradient_tensor = -1;
    Matrix<T> low, low_gradient;    // [rows, rank]: dropout(x) A^T and its gradient
    std::vector<float> scaled_b;    // (alpha / r) B, which b reads
    std::vector<float> b_gradient;  // of scaled_b, of one pass
  };
  // dropout(x), in scratch where dropout is on.
  Matrix<const T> dropped(In<T> x, const Dropout& dropout);

  int64_t in_, out_, weight_, bias_;
  float scale_ = 1;
  int64_t rank_ = 0;
  bool training_, int8_;
  const float* weights_ = nullptr;
  int storage_tensor_ = -1, dropped_tensor_ = -1;
  // One of the two, made by bind().
  std::vector<Linear<T>> layer_;
  std::vector<LinearInt8> int8_layer_;
  std::vector<Adapter> adapters_;
  Matrix<T> dropped_;
};

}  // namespace gantry
