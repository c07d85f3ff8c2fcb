// Vectors of floats and of 32-bit words in one vocabulary for AVX-512, AVX2 and plain C++, so that
// a kernel is written once (x_kernels.h) and compiled three times: in x.cc, x_avx2.cc and
// x_avx512.cc. Everything is in an unnamed namespace, so that code for a larger instruction set can
// never be linked into a smaller one's place.
//
// VF: kLanes floats. VI: kLanes uint32. Masks are implied by comparisons inside `select`.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/bfloat16.h"

#if defined(__AVX2__)
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC bug 105593, in its own header
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#if defined(__AVX512BF16__)
#define GANTRY_ISA isa_avx512
#elif defined(__AVX2__)
#define GANTRY_ISA isa_avx2
#else
#define GANTRY_ISA isa_portable
#endif

#define GANTRY_INLINE inline __attribute__((always_inline))
#define GANTRY_LAMBDA __attribute__((always_inline))

namespace gantry::GANTRY_ISA {
namespace {

#if defined(__AVX512BF16__)

constexpr int kLanes = 16;

struct VI {
  __m512i v;
};
struct VF {
  __m512 v;
};
struct VM {
  __mmask16 m;
};

GANTRY_INLINE VF set1(float x) { return {_mm512_set1_ps(x)}; }
GANTRY_INLINE VF zero() { return {_mm512_setzero_ps()}; }
GANTRY_INLINE VF load(const float* p) { return {_mm512_loadu_ps(p)}; }
GANTRY_INLINE VF load(const bf16* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
GANTRY_INLINE VM first(int64_t n) { return {static_cast<__mmask16>((1u << n) - 1)}; }
GANTRY_INLINE VF load_n(const float* p, int64_t n) {
  return {_mm512_maskz_loadu_ps(first(n).m, p)};
}
GANTRY_INLINE VF load_n(const bf16* p, int64_t n) {
  const __m256i half = _mm256_maskz_loadu_epi16(first(n).m, p);
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
GANTRY_INLINE void store(float* p, VF x) { _mm512_storeu_ps(p, x.v); }
GANTRY_INLINE void store(bf16* p, VF x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(x.v));
}
GANTRY_INLINE void store_n(float* p, VF x, int64_t n) { _mm512_mask_storeu_ps(p, first(n).m, x.v); }
GANTRY_INLINE void store_n(bf16* p, VF x, int64_t n) {
  _mm256_mask_storeu_epi16(p, first(n).m, (__m256i)_mm512_cvtneps_pbh(x.v));
}
GANTRY_INLINE VF operator+(VF a, VF b) { return {_mm512_add_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator-(VF a, VF b) { return {_mm512_sub_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator*(VF a, VF b) { return {_mm512_mul_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator/(VF a, VF b) { return {_mm512_div_ps(a.v, b.v)}; }
GANTRY_INLINE VF fma(VF a, VF b, VF c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
GANTRY_INLINE VF min(VF a, VF b) { return {_mm512_min_ps(a.v, b.v)}; }
GANTRY_INLINE VF max(VF a, VF b) { return {_mm512_max_ps(a.v, b.v)}; }
GANTRY_INLINE VF sqrt(VF a) { return {_mm512_sqrt_ps(a.v)}; }
GANTRY_INLINE VF round(VF a) { return {_mm512_roundscale_ps(a.v, 8)}; }
GANTRY_INLINE VI to_int(VF a) { return {_mm512_cvtps_epi32(a.v)}; }
GANTRY_INLINE VF from_int(VI a) { return {_mm512_cvtepi32_ps(a.v)}; }
GANTRY_INLINE VF as_float(VI a) { return {_mm512_castsi512_ps(a.v)}; }
GANTRY_INLINE VI as_int(VF a) { return {_mm512_castps_si512(a.v)}; }
GANTRY_INLINE VM operator<(VF a, VF b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
GANTRY_INLINE VF select(VM m, VF a, VF b) { return {_mm512_mask_blend_ps(m.m, b.v, a.v)}; }
GANTRY_INLINE float reduce_add(VF a) { return _mm512_reduce_add_ps(a.v); }
GANTRY_INLINE float reduce_max(VF a) { return _mm512_reduce_max_ps(a.v); }
// x 2^n for n within the normal exponents.
GANTRY_INLINE VF scale2(VF x, VF n) { return {_mm512_scalef_ps(x.v, n.v)}; }

GANTRY_INLINE VI iset1(uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
GANTRY_INLINE VI iota() {
  return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
}
GANTRY_INLINE VI iload(const uint32_t* p) { return {_mm512_loadu_si512(p)}; }
GANTRY_INLINE void istore(uint32_t* p, VI x) { _mm512_storeu_si512(p, x.v); }
GANTRY_INLINE VI operator+(VI a, VI b) { return {_mm512_add_epi32(a.v, b.v)}; }
GANTRY_INLINE VI operator*(VI a, VI b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
GANTRY_INLINE VI operator^(VI a, VI b) { return {_mm512_xor_si512(a.v, b.v)}; }
GANTRY_INLINE VI operator&(VI a, VI b) { return {_mm512_and_si512(a.v, b.v)}; }
template <int kBits>
GANTRY_INLINE VI shr(VI a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
// Both below 2^31.
GANTRY_INLINE VM ilt(VI a, VI b) { return {_mm512_cmplt_epu32_mask(a.v, b.v)}; }
// a0 b0 a1 b1 ...: `low` the first kLanes of them, `high` the rest.
GANTRY_INLINE void interleave(VI a, VI b, VI& low, VI& high) {
  const __m512i lo = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i hi =
      _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  low.v = _mm512_permutex2var_epi32(a.v, lo, b.v);
  high.v = _mm512_permutex2var_epi32(a.v, hi, b.v);
}

#elif defined(__AVX2__)

constexpr int kLanes = 8;

struct VI {
  __m256i v;
};
struct VF {
  __m256 v;
};
struct VM {
  __m256 m;
};

GANTRY_INLINE VF set1(float x) { return {_mm256_set1_ps(x)}; }
GANTRY_INLINE VF zero() { return {_mm256_setzero_ps()}; }
GANTRY_INLINE VF load(const float* p) { return {_mm256_loadu_ps(p)}; }
GANTRY_INLINE VF load(const bf16* p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16))};
}
GANTRY_INLINE __m256i lanes_below(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
GANTRY_INLINE VM first(int64_t n) { return {_mm256_castsi256_ps(lanes_below(n))}; }
GANTRY_INLINE VF load_n(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, lanes_below(n))};
}
GANTRY_INLINE VF load_n(const bf16* p, int64_t n) {
  bf16 t[8] = {};
  for (int64_t i = 0; i < n; ++i) t[i] = p[i];
  return load(t);
}
GANTRY_INLINE void store(float* p, VF x) { _mm256_storeu_ps(p, x.v); }
GANTRY_INLINE void store(bf16* p, VF x) {
  const __m256i u = _mm256_castps_si256(x.v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i r =
      _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256 nan = _mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q);
  r = _mm256_blendv_epi8(r, _mm256_set1_epi32(0x7fc0), _mm256_castps_si256(nan));
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
GANTRY_INLINE void store_n(float* p, VF x, int64_t n) {
  _mm256_maskstore_ps(p, lanes_below(n), x.v);
}
GANTRY_INLINE void store_n(bf16* p, VF x, int64_t n) {
  bf16 t[8];
  store(t, x);
  for (int64_t i = 0; i < n; ++i) p[i] = t[i];
}
GANTRY_INLINE VF operator+(VF a, VF b) { return {_mm256_add_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator-(VF a, VF b) { return {_mm256_sub_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator*(VF a, VF b) { return {_mm256_mul_ps(a.v, b.v)}; }
GANTRY_INLINE VF operator/(VF a, VF b) { return {_mm256_div_ps(a.v, b.v)}; }
GANTRY_INLINE VF fma(VF a, VF b, VF c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
GANTRY_INLINE VF min(VF a, VF b) { return {_mm256_min_ps(a.v, b.v)}; }
GANTRY_INLINE VF max(VF a, VF b) { return {_mm256_max_ps(a.v, b.v)}; }
GANTRY_INLINE VF sqrt(VF a) { return {_mm256_sqrt_ps(a.v)}; }
GANTRY_INLINE VF round(VF a) { return {_mm256_round_ps(a.v, 8)}; }
GANTRY_INLINE VI to_int(VF a) { return {_mm256_cvtps_epi32(a.v)}; }
GANTRY_INLINE VF from_int(VI a) { return {_mm256_cvtepi32_ps(a.v)}; }
GANTRY_INLINE VF as_float(VI a) { return {_mm256_castsi256_ps(a.v)}; }
GANTRY_INLINE VI as_int(VF a) { return {_mm256_castps_si256(a.v)}; }
GANTRY_INLINE VM operator<(VF a, VF b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
GANTRY_INLINE VF select(VM m, VF a, VF b) { return {_mm256_blendv_ps(b.v, a.v, m.m)}; }
GANTRY_INLINE float reduce_add(VF a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
GANTRY_INLINE float reduce_max(VF a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
GANTRY_INLINE VF scale2(VF x, VF n) {
  const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_mul_ps(x.v, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)))};
}

GANTRY_INLINE VI iset1(uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }
GANTRY_INLINE VI iota() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
GANTRY_INLINE VI iload(const uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
GANTRY_INLINE void istore(uint32_t* p, VI x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.v);
}
GANTRY_INLINE VI operator+(VI a, VI b) { return {_mm256_add_epi32(a.v, b.v)}; }
GANTRY_INLINE VI operator*(VI a, VI b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
GANTRY_INLINE VI operator^(VI a, VI b) { return {_mm256_xor_si256(a.v, b.v)}; }
GANTRY_INLINE VI operator&(VI a, VI b) { return {_mm256_and_si256(a.v, b.v)}; }
template <int kBits>
GANTRY_INLINE VI shr(VI a) {
  return {_mm256_srli_epi32(a.v, kBits)};
}
GANTRY_INLINE VM ilt(VI a, VI b) { return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(b.v, a.v))}; }
GANTRY_INLINE void interleave(VI a, VI b, VI& low, VI& high) {
  const __m256i lo = _mm256_unpacklo_epi32(a.v, b.v), hi = _mm256_unpackhi_epi32(a.v, b.v);
  low.v = _mm256_permute2x128_si256(lo, hi, 0x20);
  high.v = _mm256_permute2x128_si256(lo, hi, 0x31);
}

#else

// Four lanes by GCC's and clang's vector extension: SSE2, NEON or whatever the machine has.
constexpr int kLanes = 4;
typedef float F4 __attribute__((vector_size(16)));
typedef uint32_t U4 __attribute__((vector_size(16)));
typedef int32_t S4 __attribute__((vector_size(16)));

struct VI {
  U4 v;
};
struct VF {
  F4 v;
};
struct VM {
  S4 m;
};

GANTRY_INLINE VF set1(float x) { return {F4{x, x, x, x}}; }
GANTRY_INLINE VF zero() { return set1(0.0f); }
GANTRY_INLINE VF load(const float* p) {
  VF r;
  std::memcpy(&r.v, p, 16);
  return r;
}
GANTRY_INLINE VF load(const bf16* p) {
  return {F4{to_float(p[0]), to_float(p[1]), to_float(p[2]), to_float(p[3])}};
}
GANTRY_INLINE VM first(int64_t n) {
  return {S4{0 < n ? -1 : 0, 1 < n ? -1 : 0, 2 < n ? -1 : 0, 3 < n ? -1 : 0}};
}
template <typename T>
GANTRY_INLINE VF load_n(const T* p, int64_t n) {
  T t[4] = {};
  for (int64_t i = 0; i < n && i < 4; ++i) t[i] = p[i];
  return load(t);
}
GANTRY_INLINE void store(float* p, VF x) { std::memcpy(p, &x.v, 16); }
GANTRY_INLINE void store(bf16* p, VF x) {
  for (int i = 0; i < 4; ++i) p[i] = to_bf16(x.v[i]);
}
template <typename T>
GANTRY_INLINE void store_n(T* p, VF x, int64_t n) {
  T t[4];
  store(t, x);
  for (int64_t i = 0; i < n && i < 4; ++i) p[i] = t[i];
}
GANTRY_INLINE VF operator+(VF a, VF b) { return {a.v + b.v}; }
GANTRY_INLINE VF operator-(VF a, VF b) { return {a.v - b.v}; }
GANTRY_INLINE VF operator*(VF a, VF b) { return {a.v * b.v}; }
GANTRY_INLINE VF operator/(VF a, VF b) { return {a.v / b.v}; }
GANTRY_INLINE VF fma(VF a, VF b, VF c) { return {a.v * b.v + c.v}; }
GANTRY_INLINE VM operator<(VF a, VF b) { return {a.v < b.v}; }
GANTRY_INLINE VF select(VM m, VF a, VF b) { return {m.m ? a.v : b.v}; }
GANTRY_INLINE VF min(VF a, VF b) { return select(b < a, b, a); }
GANTRY_INLINE VF max(VF a, VF b) { return select(a < b, b, a); }
GANTRY_INLINE VF sqrt(VF a) {
  return {F4{std::sqrt(a.v[0]), std::sqrt(a.v[1]), std::sqrt(a.v[2]), std::sqrt(a.v[3])}};
}
GANTRY_INLINE VF round(VF a) {  // |a| < 2^22
  const F4 magic = set1(12582912.0f).v;
  volatile F4 shifted = a.v + magic;  // or the compiler would fold the two
  return {shifted - magic};
}
GANTRY_INLINE VI to_int(VF a) {
  const S4 r = __builtin_convertvector(round(a).v, S4);
  return {(U4)r};
}
GANTRY_INLINE VF from_int(VI a) { return {__builtin_convertvector((S4)a.v, F4)}; }
GANTRY_INLINE VF as_float(VI a) { return {(F4)a.v}; }
GANTRY_INLINE VI as_int(VF a) { return {(U4)a.v}; }
GANTRY_INLINE float reduce_add(VF a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
GANTRY_INLINE float reduce_max(VF a) {
  const float x = a.v[0] < a.v[1] ? a.v[1] : a.v[0], y = a.v[2] < a.v[3] ? a.v[3] : a.v[2];
  return x < y ? y : x;
}
GANTRY_INLINE VF scale2(VF x, VF n) {
  const U4 e = (to_int(n).v + 127) << 23;
  return {x.v * (F4)e};
}

GANTRY_INLINE VI iset1(uint32_t x) { return {U4{x, x, x, x}}; }
GANTRY_INLINE VI iota() { return {U4{0, 1, 2, 3}}; }
GANTRY_INLINE VI iload(const uint32_t* p) {
  VI r;
  std::memcpy(&r.v, p, 16);
  return r;
}
GANTRY_INLINE void istore(uint32_t* p, VI x) { std::memcpy(p, &x.v, 16); }
GANTRY_INLINE VI operator+(VI a, VI b) { return {a.v + b.v}; }
GANTRY_INLINE VI operator*(VI a, VI b) { return {a.v * b.v}; }
GANTRY_INLINE VI operator^(VI a, VI b) { return {a.v ^ b.v}; }
GANTRY_INLINE VI operator&(VI a, VI b) { return {a.v & b.v}; }
template <int kBits>
GANTRY_INLINE VI shr(VI a) {
  return {a.v >> kBits};
}
GANTRY_INLINE VM ilt(VI a, VI b) { return {a.v < b.v}; }
GANTRY_INLINE void interleave(VI a, VI b, VI& low, VI& high) {
  low.v = U4{a.v[0], b.v[0], a.v[1], b.v[1]};
  high.v = U4{a.v[2], b.v[2], a.v[3], b.v[3]};
}

#endif

// x < y ? a : b
GANTRY_INLINE VF select_less(VF x, VF y, VF a, VF b) { return select(x < y, a, b); }

// N vectors that go through a formula together, step by step: N independent chains keep the units
// busy where one would wait for its own results.
template <int N>
struct Wide {
  VF v[N];

  Wide() = default;
  GANTRY_INLINE Wide(VF x) {
    for (int i = 0; i < N; ++i) v[i] = x;
  }
  template <typename Op, typename... X>
  GANTRY_INLINE static Wide each(const Op& op, const X&... x) {
    Wide r;
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) r.v[i] = op(x.v[i]...);
    return r;
  }
  GANTRY_INLINE friend Wide operator+(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return x + y; }, a, b);
  }
  GANTRY_INLINE friend Wide operator-(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return x - y; }, a, b);
  }
  GANTRY_INLINE friend Wide operator*(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return x * y; }, a, b);
  }
  GANTRY_INLINE friend Wide operator/(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return x / y; }, a, b);
  }
  GANTRY_INLINE friend Wide fma(Wide a, Wide b, Wide c) {
    return each([](VF x, VF y, VF z) GANTRY_LAMBDA { return fma(x, y, z); }, a, b, c);
  }
  GANTRY_INLINE friend Wide min(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return min(x, y); }, a, b);
  }
  GANTRY_INLINE friend Wide max(Wide a, Wide b) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return max(x, y); }, a, b);
  }
  GANTRY_INLINE friend Wide round(Wide a) {
    return each([](VF x) GANTRY_LAMBDA { return round(x); }, a);
  }
  GANTRY_INLINE friend Wide scale2(Wide a, Wide n) {
    return each([](VF x, VF y) GANTRY_LAMBDA { return scale2(x, y); }, a, n);
  }
  GANTRY_INLINE friend Wide select_less(Wide x, Wide y, Wide a, Wide b) {
    return each([](VF p, VF q, VF r, VF s) GANTRY_LAMBDA { return select(p < q, r, s); }, x, y, a,
                b);
  }
};

// c[0] + c[1] x + c[2] x^2 + ...
template <typename V, size_t kTerms>
GANTRY_INLINE V polynomial(const float (&c)[kTerms], V x) {
  V sum = set1(c[kTerms - 1]);
#pragma GCC unroll 16
  for (size_t i = kTerms - 1; i > 0; --i) sum = fma(sum, x, set1(c[i - 1]));
  return sum;
}

// e^x for x <= 88, 1 ulp or so; 0 below -87. V: VF or Wide.
template <typename V>
GANTRY_INLINE V exp(V x) {
  constexpr float kTerms[] = {1.0f, 1.0f, 0.5f, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720};
  const V low = set1(-87.0f), bounded = max(x, low);
  const V n = round(bounded * set1(1.44269504f));
  V r = fma(n, set1(-0.693359375f), bounded);
  r = fma(n, set1(2.12194440e-4f), r);
  return select_less(x, low, zero(), scale2(polynomial(kTerms, r), n));
}

// How many lanes of a vector are in use: Full, all of them, known at compile time; Part, the first
// n.
struct Full {
  template <typename T>
  GANTRY_INLINE VF load(const T* p) const {
    return GANTRY_ISA::load(p);
  }
  template <typename T>
  GANTRY_INLINE void store(T* p, VF x) const {
    GANTRY_ISA::store(p, x);
  }
  GANTRY_INLINE VF live(VF x) const { return x; }
};
struct Part {
  int64_t n;
  template <typename T>
  GANTRY_INLINE VF load(const T* p) const {
    return load_n(p, n);
  }
  template <typename T>
  GANTRY_INLINE void store(T* p, VF x) const {
    store_n(p, x, n);
  }
  GANTRY_INLINE VF live(VF x) const { return select(first(n), x, zero()); }  // the others as 0
};

// body(column, Full or Part) over a row of `cols` elements.
template <typename Body>
GANTRY_INLINE void for_lanes(int64_t cols, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) body(c, Full{});
  if (c < cols) body(c, Part{cols - c});
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
