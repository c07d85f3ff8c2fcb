// Inference in 8 bits: y = x W^T + b with W in int8 (a scale each output channel) and x in int8 (a
// scale each row, computed on the fly), sums in int32, the epilogue in fp32. See linear.h for the
// epilogue.
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

  void pack(const float* weight);  // fp32 [out, in]
  template <typename T>            // float or bf16
  void forward(In<T> x, const LinearForward<T>& how, Matrix<T> y) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
