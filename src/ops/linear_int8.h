// Inference in 8 bits: y = x W^T + b. W is int8 with a scale each output channel; x is quantised on
// the fly to 8 bits with a scale and a lowest value each row, so that a row's result does not
// depend on its neighbours; sums are int32 and exact, the epilogue (linear.h) is fp32.
//
//   x[r, i] ~ low[r] + step[r] u[r, i], u in 0..255;   W[o, i] ~ scale[o] q[o, i], q in -127..127
//   y[r, o] = scale[o] (step[r] sum_i u q + low[r] sum_i q) + b[o]
#pragma once

#include <memory>

#include "ops/linear.h"

namespace gantry {

class LinearInt8 {
 public:
  LinearInt8(int64_t in, int64_t out);
  ~LinearInt8();
  LinearInt8(LinearInt8&&) noexcept;
  LinearInt8& operator=(LinearInt8&&) noexcept;

  void pack(const float* weight);  // fp32 [out, in]; it is not needed afterwards
  int64_t bytes() const;           // of the packed weight

  // x [rows, in], y [rows, out]; T: float or bf16.
  template <typename T>
  void forward(In<T> x, const LinearForward<T>& how, Matrix<T> y) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
