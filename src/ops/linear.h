// A linear layer's three matrix products: y = x W^T + b, dx = dy W, dW = dy^T x.
//
// Activations (x, y, dx, dy) are T = float or bf16; sums, and the gradients of weights and biases,
// are fp32. Every sum is taken in an order that does not depend on the number of threads.
//
//   Linear<bf16> up(384, 1536, Linear<bf16>::kTrain);
//   up.pack(master);  // fp32 [1536, 384], the Hugging Face layout
//   up.forward(x, {.bias = b, .activation = Activation::kGelu, .pre_activation = u}, g);
//   down.backward_data(dh, {.activation = Activation::kGelu, .pre_activation = u}, du);
//   linear_backward_weight(du, x, dw, db, false);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ops/gelu.h"
#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

// What happens to a product before it is stored, in this order:
// v = x W^T + bias; pre_activation = v; v = activation(v); v += residual; y = v.
template <typename T>
struct LinearForward {
  const float* bias = nullptr;  // [out]
  Activation activation = Activation::kNone;
  Matrix<T> pre_activation = {};  // [rows, out], optional output
  Matrix<const T> residual = {};  // [rows, out], optional
};

// v = dy W; v *= activation'(pre_activation); v += add; dx = v.
template <typename T>
struct LinearBackwardData {
  Activation activation = Activation::kNone;
  Matrix<const T> pre_activation = {};  // [rows, in], needed where activation is not kNone
  Matrix<const T> add = {};             // [rows, in], optional; may be dx itself
};

template <typename T>
class Linear {
 public:
  // kTrain keeps a pointer to the master copy and packs it within each product,
  // so that a training run holds no second copy. kInfer packs once and forgets it.
  enum Use { kInfer, kTrain };

  // storage: storage_bytes() bytes (0 for kTrain), 64-byte aligned, outliving this; null: allocated
  // here.
  Linear(int64_t in, int64_t out, Use use, void* storage = nullptr);
  ~Linear();
  Linear(Linear&&) noexcept;
  Linear& operator=(Linear&&) noexcept;
  static int64_t storage_bytes(int64_t in, int64_t out, Use use);

  // From the master copy, fp32 [out, in] with `ld` floats a row (0: in). kTrain: it must stay where
  // it is; it may change between products without another call.
  void pack(const float* weight, int64_t ld = 0);

  int64_t in() const;
  int64_t out() const;

  // x [rows, in], y [rows, out].
  void forward(In<T> x, const LinearForward<T>& how, Matrix<T> y) const;
  // dy [rows, out], dx [rows, in]. Needs kTrain.
  void backward_data(In<T> dy, const LinearBackwardData<T>& how, Matrix<T> dx) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// dw [out, in] fp32 = or += dy^T x, and, where db is not null, db [out] = or += column sums of dy.
// Rows are summed in a fixed order whatever the number of threads.
template <typename T>
void linear_backward_weight(In<T> dy, Matrix<const T> x, float* dw, float* db, bool accumulate);

}  // namespace gantry
