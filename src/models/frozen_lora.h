// FrozenLora<T>: one or several frozen matrices that read the same rows, side by side as one
// product, each with or without a low-rank adapter (Hu et al. 2021):
//   y_i = x W_i^T + s dropout(x) A_i^T B_i^T
// The adapters ride in the same product (frozen_linear.h); only r-wide intermediates are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/decoder.h"
#include "ops/dropout.h"
#include "ops/frozen_linear.h"
#include "ops/linear.h"
#include "tensor/arena.h"

namespace gantry {

// One of the matrices.
struct FrozenPiece {
  std::string weight;  // "model.layers.0.self_attn.q_proj.weight"
  int64_t out = 0;
  const AdapterModule* adapter = nullptr;  // null: not adapted
};

// Buffers that all layers of a model use in turn.
struct LoraWorkspace {
  int dropped = -1;       // [rows, largest in] dropout(x)
  int low_gradient = -1;  // [rows, largest sum of ranks]
};

template <typename T>
class FrozenLora {
 public:
  // `kept_rows`: of the activations kept for backward, in `group`.
  FrozenLora(const std::string& name, int64_t in, std::vector<FrozenPiece> pieces, FrozenType type,
             float scale, int64_t kept_rows, const std::string& group, TensorSpecs& specs);
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  int64_t ranks() const { return ranks_; }

  void bind(const Arena& arena, const LoraWorkspace& workspace);
  void load(const DecoderWeights& weights);
  void set_adapter(const float* adapter);  // null: none
  void adapter_changed();

  // y = ... (+ add, which may be y). Keeps dropout(x) A^T for backward.
  void forward(In<T> x, const Dropout& dropout, In<T> add, Matrix<T> y);
  // x as it was in forward. dx empty: not wanted.
  void backward(In<T> dy, In<T> x, const Dropout& dropout, float* gradients, bool accumulate,
                Matrix<T> dx);

 private:
  struct Adapted {
    const AdapterModule* module;
    int64_t first;   // column of y
    int b_t_tensor;  // B^T [rank, out]
    float* b_t;
    Linear<T> to_low;  // dy B
  };
  Matrix<const T> dropped(In<T> x, const Dropout& dropout) const;

  int64_t in_, out_ = 0, ranks_ = 0;
  std::vector<FrozenPiece> pieces_;
  FrozenType type_;
  float scale_;
  int storage_tensor_ = -1, low_tensor_ = -1;
  FrozenLinear linear_;
  std::vector<Adapted> adapted_;
  std::vector<LowRankTerm<T>> terms_;
  const float* adapter_ = nullptr;
  std::vector<Linear<T>> a_;  // all A's as one [ranks, in]; empty without adapters
  Matrix<T> low_, dropped_, low_gradient_;
};

}  // namespace gantry
