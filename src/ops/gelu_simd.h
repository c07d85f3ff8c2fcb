// Activations and their derivatives on vectors. Included by kernels that apply them (gelu, linear).
#pragma once

#include "ops/gelu.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

// Phi(x) and exp(-x^2 / 2) from erfc(z) = exp(-z^2) g(1 / (1 + 0.36 z)), z = |x| / sqrt 2; g is our
// own minimax fit of degree 9, relative error 2e-9 on z in [0, 7] (scipy.special.erfcx as
// reference), so that fp32 rounding decides.
GANTRY_INLINE VF normal_cdf(VF x, VF& density) {
  const VF magnitude = max(x, zero() - x);
  const VF t = set1(1.0f) / fma(magnitude, set1(0.36f * 0.70710678f), set1(1.0f));
  density = exp(x * x * set1(-0.5f));
  VF g = set1(7.404086093e-02f);
  g = fma(g, t, set1(-4.005339059e-01f));
  g = fma(g, t, set1(7.627925072e-01f));
  g = fma(g, t, set1(-6.299565891e-01f));
  g = fma(g, t, set1(5.809592633e-01f));
  g = fma(g, t, set1(-2.899901080e-02f));
  g = fma(g, t, set1(2.443332525e-01f));
  g = fma(g, t, set1(1.932711505e-01f));
  g = fma(g, t, set1(2.041402228e-01f));
  g = fma(g, t, set1(-4.774967030e-05f));
  const VF tail = set1(0.5f) * g * density;  // 1 - Phi(|x|)
  return select(x < zero(), tail, set1(1.0f) - tail);
}

// With e = exp(2x) and u = 1 / (e + 1): tanh = 1 - 2u, 1 + tanh = 2eu, 1 - tanh^2 = 4eu^2, the last
// two without cancellation.
struct Tanh {
  VF e, u;
  GANTRY_INLINE explicit Tanh(VF x) {
    const VF clamped = min(max(x, set1(-50.0f)), set1(20.0f));  // exp(-100) is 0 here
    e = exp(clamped + clamped);
    u = set1(1.0f) / (e + set1(1.0f));
  }
  GANTRY_INLINE VF value() const { return set1(1.0f) - (u + u); }
  GANTRY_INLINE VF plus_one() const { return (e + e) * u; }
  GANTRY_INLINE VF slope() const { return set1(4.0f) * e * u * u; }
};

template <Activation kind>
GANTRY_INLINE VF activate(VF x) {
  if constexpr (kind == Activation::kGelu) {
    VF density;
    return x * normal_cdf(x, density);
  } else if constexpr (kind == Activation::kGeluTanh) {
    const VF inner = x * fma(x * x, set1(0.7978845608f * 0.044715f), set1(0.7978845608f));
    return set1(0.5f) * x * Tanh(inner).plus_one();
  } else if constexpr (kind == Activation::kRelu) {
    return max(x, zero());
  } else if constexpr (kind == Activation::kTanh) {
    return Tanh(x).value();
  } else {
    return x;
  }
}

template <Activation kind>
GANTRY_INLINE VF derivative(VF x) {
  if constexpr (kind == Activation::kGelu) {
    VF density;
    const VF cdf = normal_cdf(x, density);
    return fma(x * density, set1(0.3989422804f), cdf);
  } else if constexpr (kind == Activation::kGeluTanh) {
    const Tanh t(x * fma(x * x, set1(0.7978845608f * 0.044715f), set1(0.7978845608f)));
    const VF slope = fma(x * x, set1(3.0f * 0.7978845608f * 0.044715f), set1(0.7978845608f));
    return set1(0.5f) * fma(x * slope, t.slope(), t.plus_one());
  } else if constexpr (kind == Activation::kRelu) {
    return select(zero() < x, set1(1.0f), zero());
  } else if constexpr (kind == Activation::kTanh) {
    return Tanh(x).slope();
  } else {
    return set1(1.0f);
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
