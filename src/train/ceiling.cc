#include "train/ceiling.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "ops/linear.h"

namespace gantry {

namespace {

template <typename T>
double measure() {
  constexpr int64_t kRows = 512, kIn = 768, kOut = 3072;
  constexpr double kSeconds = 0.2;
  const std::vector<float> weight(kIn * kOut, 0.01f);
  std::vector<T> x(kRows * kIn, from_float<T>(0.5f)), y(kRows * kOut);
  Linear<T> linear(kIn, kOut, Linear<T>::kInfer);
  linear.pack(weight.data());
  const Matrix<T> in(x.data(), kRows, kIn), out(y.data(), kRows, kOut);
  linear.forward(in, {}, out);  // makes the kernel
  double best = 0, total = 0;
  while (total < kSeconds) {
    const auto begin = std::chrono::steady_clock::now();
    linear.forward(in, {}, out);
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    best = std::max(best, 2.0 * kRows * kIn * kOut / s);
    total += s;
  }
  return best;
}

}  // namespace

double matmul_peak(bool use_bf16) {
  if (use_bf16) {
    static const double peak = measure<bf16>();
    return peak;
  }
  static const double peak = measure<float>();
  return peak;
}

}  // namespace gantry
