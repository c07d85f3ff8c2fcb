// Activations and their derivatives on vectors. Included by kernels that apply them (gelu, linear).
#pragma once

#include "ops/gelu.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

// Phi(x) and exp(-x^2 / 2) from erfc(z) = exp(-z^2) g(1 / (1 + 0.36 z)), z = |x| / sqrt 2; g is our
// own minimax fit of degree 9, relative error 2e-9 on z in [0, 7] (scipy.special.erfcx as
// reference), so that fp32 rounding decides.
template <typename V>
GANTRY_INLINE V normal_cdf(V x, V& density) {
  constexpr float kTerms[] = {
      -4.774967030e-05f, 2.041402228e-01f,  1.932711505e-01f, 2.443332525e-01f,  -2.899901080e-02f,
      5.809592633e-01f,  -6.299565891e-01f, 7.627925072e-01f, -4.005339059e-01f, 7.404086093e-02f};
  const V one = set1(1.0f), none = zero();
  const V t = one / fma(max(x, none - x), set1(0.36f * 0.70710678f), one);
  density = exp(x * x * set1(-0.5f));
  const V tail = set1(0.5f) * polynomial(kTerms, t) * density;  // 1 - Phi(|x|)
  return select_less(x, none, tail, one - tail);
}

// For bf16 results, whose own rounding is 2e-3: odd polynomials instead of an exponential and a
// division, a fifth of the time. Our own weighted least-squares fits: x Phi(x) within 3e-5 on
// [-4, 4] (beyond: Phi(4) or 0), its derivative within 7e-5 on [-4.2, 4.2] (beyond: f(4.2) or 0).
template <typename V>
GANTRY_INLINE V rough_cdf(V x) {
  constexpr float kTerms[] = {3.988810182e-01f,  -6.632363051e-02f, 9.815800004e-03f,
                              -1.112855971e-03f, 9.494023107e-05f,  -5.860597867e-06f,
                              2.440843900e-07f,  -6.066902980e-09f, 6.740390884e-11f};
  const V b = min(max(x, set1(-4.0f)), set1(4.0f));
  return select_less(x, set1(-4.0f), zero(), fma(b, polynomial(kTerms, b * b), set1(0.5f)));
}
template <typename V>
GANTRY_INLINE V rough_gelu_slope(V x) {
  constexpr float kTerms[] = {7.977742553e-01f,  -2.654612362e-01f, 5.916876346e-02f,
                              -9.078460746e-03f, 1.006708015e-03f,  -8.094502846e-05f,
                              4.580545465e-06f,  -1.716557847e-07f, 3.797712811e-09f,
                              -3.735563595e-11f};
  const V b = min(max(x, set1(-4.2f)), set1(4.2f));
  return select_less(x, set1(-4.2f), zero(), fma(b, polynomial(kTerms, b * b), set1(0.5f)));
}

// With e = exp(2x) and u = 1 / (e + 1): tanh = 1 - 2u, 1 + tanh = 2eu, 1 - tanh^2 = 4eu^2, the last
// two without cancellation.
template <typename V>
struct Tanh {
  V e, u;
  GANTRY_INLINE explicit Tanh(V x) {
    const V clamped = min(max(x, set1(-50.0f)), set1(20.0f));  // exp(-100) is 0 here
    e = exp(clamped + clamped);
    u = set1(1.0f) / (e + set1(1.0f));
  }
  GANTRY_INLINE V value() const { return set1(1.0f) - (u + u); }
  GANTRY_INLINE V plus_one() const { return (e + e) * u; }
  GANTRY_INLINE V slope() const { return set1(4.0f) * e * u * u; }
};

// V: VF or Wide. kRough: the result will be rounded to bf16.
template <Activation kind, bool kRough, typename V>
GANTRY_INLINE V activate(V x) {
  if constexpr (kind == Activation::kGelu && kRough) {
    return x * rough_cdf(x);
  } else if constexpr (kind == Activation::kGelu) {
    V density = zero();
    return x * normal_cdf(x, density);
  } else if constexpr (kind == Activation::kGeluTanh) {
    const V inner = x * fma(x * x, set1(0.7978845608f * 0.044715f), set1(0.7978845608f));
    return set1(0.5f) * x * Tanh<V>(inner).plus_one();
  } else if constexpr (kind == Activation::kRelu) {
    return max(x, zero());
  } else if constexpr (kind == Activation::kTanh) {
    return Tanh<V>(x).value();
  } else {
    return x;
  }
}

template <Activation kind, bool kRough, typename V>
GANTRY_INLINE V derivative(V x) {
  if constexpr (kind == Activation::kGelu && kRough) {
    return rough_gelu_slope(x);
  } else if constexpr (kind == Activation::kGelu) {
    V density = zero();
    const V cdf = normal_cdf(x, density);
    return fma(x * density, set1(0.3989422804f), cdf);
  } else if constexpr (kind == Activation::kGeluTanh) {
    const Tanh<V> t(x * fma(x * x, set1(0.7978845608f * 0.044715f), set1(0.7978845608f)));
    const V slope = fma(x * x, set1(3.0f * 0.7978845608f * 0.044715f), set1(0.7978845608f));
    return set1(0.5f) * fma(x * slope, t.slope(), t.plus_one());
  } else if constexpr (kind == Activation::kRelu) {
    return select_less(zero(), x, set1(1.0f), zero());
  } else if constexpr (kind == Activation::kTanh) {
    return Tanh<V>(x).slope();
  } else {
    return set1(1.0f);
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
