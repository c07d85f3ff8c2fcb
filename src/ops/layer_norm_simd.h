// Layer normalisation of one row held as floats. Included by the kernels that normalise
// (layer_norm, embedding).
#pragma once

#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

// Floats of a row's buffer, so that the next one is aligned.
GANTRY_INLINE int64_t padded(int64_t cols) { return (cols + 31) / 32 * 32; }

struct Moments {
  float mean, rstd;
};

// Two passes over a row in the first-level cache: no cancellation.
GANTRY_INLINE Moments row_moments(const float* x, int64_t cols, float eps) {
  VF sum = zero();
  for_lanes(cols, [&](int64_t c, auto lanes) { sum = sum + lanes.load(x + c); });
  const float mean = reduce_add(sum) / static_cast<float>(cols);
  VF squares = zero();
  for_lanes(cols, [&](int64_t c, auto lanes) {
    const VF d = lanes.live(lanes.load(x + c) - set1(mean));
    squares = fma(d, d, squares);
  });
  return {mean, 1.0f / std::sqrt(reduce_add(squares) / static_cast<float>(cols) + eps)};
}

// From dy and x, dx by `put(column, lanes, dx)`; dgamma and dbeta are added to. `dy` becomes dy *
// gamma and `x` becomes x-hat.
template <typename Put>
GANTRY_INLINE void row_backward(float* dy, float* x, const float* gamma, Moments m, int64_t cols,
                                float* dgamma, float* dbeta, const Put& put) {
  VF sum = zero(), sum_x = zero();
  for_lanes(cols, [&](int64_t c, auto lanes) {
    const VF d = lanes.load(dy + c);
    const VF x_hat = lanes.live((lanes.load(x + c) - set1(m.mean)) * set1(m.rstd));
    lanes.store(dgamma + c, fma(d, x_hat, lanes.load(dgamma + c)));
    lanes.store(dbeta + c, d + lanes.load(dbeta + c));
    const VF g = d * lanes.load(gamma + c);
    sum = sum + g;
    sum_x = fma(g, x_hat, sum_x);
    lanes.store(dy + c, g);
    lanes.store(x + c, x_hat);
  });
  const VF a = set1(reduce_add(sum) / static_cast<float>(cols));
  const VF b = set1(reduce_add(sum_x) / static_cast<float>(cols));
  for_lanes(cols, [&](int64_t c, auto lanes) {
    put(c, lanes, (lanes.load(dy + c) - a - lanes.load(x + c) * b) * set1(m.rstd));
  });
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
