// block_codes.h for 16 rows at once. Included in the middle of block_product_kernels.h.
//
// 16 bytes of each of 16 rows are read into four registers, so that register z holds rows z, 4 + z,
// 8 + z, 12 + z, and a transposition of 4 x 4 words within the 128-bit parts leaves word j of all
// 16 rows, in order, in register j: 12 inserts and 8 shuffles for 256 bytes.
#pragma once

namespace gantry::GANTRY_ISA {
namespace {

template <BlockType kType>
struct FastCodes {
  static constexpr bool kThere = false;
};

struct FourWords {
  __m512i word[4];
};

GANTRY_INLINE __m512i rows_of(const uint8_t* const* rows, int z, int64_t at) {
  const auto part = [&](int lane) GANTRY_LAMBDA {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[4 * lane + z] + at));
  };
  __m512i x = _mm512_castsi128_si512(part(0));
  x = _mm512_inserti32x4(x, part(1), 1);
  x = _mm512_inserti32x4(x, part(2), 2);
  return _mm512_inserti32x4(x, part(3), 3);
}

GANTRY_INLINE FourWords transposed(const uint8_t* const* rows, int64_t at) {
  const __m512i a = rows_of(rows, 0, at), b = rows_of(rows, 1, at), c = rows_of(rows, 2, at),
                d = rows_of(rows, 3, at);
  const __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
  return {{_mm512_unpacklo_epi64(ab_low, cd_low), _mm512_unpackhi_epi64(ab_low, cd_low),
           _mm512_unpacklo_epi64(ab_high, cd_high), _mm512_unpackhi_epi64(ab_high, cd_high)}};
}

GANTRY_INLINE __m512i low_nibbles(__m512i x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
GANTRY_INLINE __m512i high_nibbles(__m512i x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }
GANTRY_INLINE void put_words(uint32_t* to, int word, __m512i x) {
  _mm512_store_si512(to + word * 16, x);
}

// The halves at `at` of 16 rows as floats.
GANTRY_INLINE __m512 halves(const uint8_t* const* rows, int64_t at) {
  alignas(32) uint16_t h[16];
  for (int c = 0; c < 16; ++c) std::memcpy(&h[c], rows[c] + at, 2);
  return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(h)));
}

// What comes next is asked for while this is unpacked: 16 rows are more streams than the processor
// foresees, and the first touch of a line took two thirds of the time of decoding.
GANTRY_INLINE void prefetch(const uint8_t* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
  }
}

// Halves of a few blocks are brought together before any is read as a vector: a vector load right
// after the small stores would wait for all of them.
constexpr int kAhead = 8;
template <int64_t kBytes, int kHalves>
GANTRY_INLINE void scales_of(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                             int64_t count, float* const (&to)[kHalves]) {
  alignas(64) uint16_t h[kAhead][kHalves][16];
  for (int64_t b0 = 0; b0 < count; b0 += kAhead) {
    const int64_t n = std::min<int64_t>(kAhead, count - b0);
    for (int c = 0; c < 16; ++c) {
      const uint8_t* from = rows[c] + (first + b0) * kBytes;
      prefetch(next[c] + b0 * kBytes, n * kBytes);
      for (int64_t b = 0; b < n; ++b, from += kBytes) {
        for (int i = 0; i < kHalves; ++i) std::memcpy(&h[b][i][c], from + 2 * i, 2);
      }
    }
    for (int64_t b = 0; b < n; ++b) {
      for (int i = 0; i < kHalves; ++i) {
        const __m256i x = _mm256_load_si256(reinterpret_cast<const __m256i*>(h[b][i]));
        _mm512_store_ps(to[i] + (b0 + b) * 16, _mm512_cvtph_ps(x));
      }
    }
  }
}

template <int64_t kBytes, int64_t kAt>
GANTRY_INLINE void unpack_nibbles(const uint8_t* const* rows, int64_t first, int64_t count,
                                  uint32_t* codes) {
  for (int64_t b = 0; b < count; ++b, codes += 8 * 16) {
    const FourWords x = transposed(rows, (first + b) * kBytes + kAt);
    for (int j = 0; j < 4; ++j) {
      put_words(codes, j, low_nibbles(x.word[j]));
      put_words(codes, j + 4, high_nibbles(x.word[j]));
    }
  }
}

template <>
struct FastCodes<BlockType::q4_0> {
  static constexpr bool kThere = true;
  static void unpack(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                     int64_t count, const Panel& panel) {
    scales_of<18, 1>(rows, next, first, count, {panel.scales});
    unpack_nibbles<18, 2>(rows, first, count, panel.codes);
  }
};

template <>
struct FastCodes<BlockType::q4_1> {
  static constexpr bool kThere = true;
  static void unpack(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                     int64_t count, const Panel& panel) {
    scales_of<20, 2>(rows, next, first, count, {panel.scales, panel.minima});
    for (int64_t i = 0; i < count * 16; i += 16) {  // stored as an offset, kept as a minimum
      const __m512 m = _mm512_load_ps(panel.minima + i);
      _mm512_store_ps(panel.minima + i, _mm512_sub_ps(_mm512_setzero_ps(), m));
    }
    unpack_nibbles<20, 4>(rows, first, count, panel.codes);
  }
};

template <>
struct FastCodes<BlockType::q8_0> {
  static constexpr bool kThere = true;
  static void unpack(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                     int64_t count, const Panel& panel) {
    scales_of<34, 1>(rows, next, first, count, {panel.scales});
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
    uint32_t* codes = panel.codes;
    for (int64_t b = 0; b < count; ++b, codes += 8 * 16) {
      for (int half = 0; half < 2; ++half) {
        const FourWords x = transposed(rows, (first + b) * 34 + 2 + half * 16);
        for (int j = 0; j < 4; ++j) {
          put_words(codes, half * 4 + j, _mm512_xor_si512(x.word[j], sign));
        }
      }
    }
  }
};

template <>
struct FastCodes<BlockType::q4_k> {
  static constexpr bool kThere = true;
  // `first` and `count` are multiples of 8: whole blocks of 256.
  static void unpack(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                     int64_t count, const Panel& panel) {
    for (int64_t b = 0; b < count; b += 8) {
      const int64_t at = (first + b) / 8 * 144;
      for (int c = 0; c < 16; ++c) prefetch(next[c] + b / 8 * 144, 144);
      scales(rows, at, panel.scales + b * 16, panel.minima + b * 16);
      for (int pair = 0; pair < 4; ++pair) {
        uint32_t* codes = panel.codes + (b + 2 * pair) * 8 * 16;
        for (int half = 0; half < 2; ++half) {
          const FourWords x = transposed(rows, at + 16 + pair * 32 + half * 16);
          for (int j = 0; j < 4; ++j) {
            put_words(codes, half * 4 + j, low_nibbles(x.word[j]));
            put_words(codes, 8 + half * 4 + j, high_nibbles(x.word[j]));
          }
        }
      }
    }
  }

 private:
  // Word 0 of a block holds d and dmin, words 1 to 3 the packed scales and minima.
  static GANTRY_INLINE void scales(const uint8_t* const* rows, int64_t at, float* scale,
                                   float* minimum) {
    const FourWords x = transposed(rows, at);
    const __m512 d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x.word[0]));
    const __m512 d_minimum =
        _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(x.word[0], 16)));
    const auto put = [](float* to, __m512 step, __m512i value) GANTRY_LAMBDA {
      _mm512_store_ps(to, _mm512_mul_ps(step, _mm512_cvtepi32_ps(value)));
    };
    const auto bits = [](__m512i word, int shift, int mask) GANTRY_LAMBDA {
      return _mm512_and_si512(_mm512_srli_epi32(word, static_cast<unsigned>(shift)),
                              _mm512_set1_epi32(mask));
    };
    for (int j = 0; j < 4; ++j) {
      put(scale + j * 16, d, bits(x.word[1], 8 * j, 63));
      put(minimum + j * 16, d_minimum, bits(x.word[2], 8 * j, 63));
      const auto joined = [&](__m512i low, __m512i high) GANTRY_LAMBDA {
        return _mm512_or_si512(low, _mm512_slli_epi32(high, 4));
      };
      put(scale + (4 + j) * 16, d,
          joined(bits(x.word[3], 8 * j, 15), bits(x.word[1], 8 * j + 6, 3)));
      put(minimum + (4 + j) * 16, d_minimum,
          joined(bits(x.word[3], 8 * j + 4, 15), bits(x.word[2], 8 * j + 6, 3)));
    }
  }
};

template <>
struct FastCodes<BlockType::q6_k> {
  static constexpr bool kThere = true;
  static void unpack(const uint8_t* const* rows, const uint8_t* const* next, int64_t first,
                     int64_t count, const Panel& panel) {
    const __m512i three = _mm512_set1_epi8(3);
    for (int64_t b = 0; b < count; b += 8) {
      const int64_t at = (first + b) / 8 * 210;
      for (int c = 0; c < 16; ++c) prefetch(next[c] + b / 8 * 210, 210);
      const __m512 d = halves(rows, at + 208);
      const FourWords steps = transposed(rows, at + 192);
      for (int g = 0; g < 16; ++g) {  // signed bytes: up to the top of the word and back
        const __m512i byte = _mm512_srai_epi32(
            _mm512_slli_epi32(steps.word[g / 4], static_cast<unsigned>(24 - g % 4 * 8)), 24);
        _mm512_store_ps(panel.scales + (b * 2 + g) * 16,
                        _mm512_mul_ps(d, _mm512_cvtepi32_ps(byte)));
      }
      for (int half = 0; half < 2; ++half) {
        for (int part = 0; part < 2; ++part) {
          const FourWords high = transposed(rows, at + 128 + half * 32 + part * 16);
          for (int side = 0; side < 2; ++side) {
            const FourWords low = transposed(rows, at + half * 64 + side * 32 + part * 16);
            uint32_t* lower = panel.codes + (b + half * 4 + side) * 8 * 16;
            uint32_t* upper = lower + 2 * 8 * 16;
            for (int j = 0; j < 4; ++j) {
              const auto pair = [&](int shift) GANTRY_LAMBDA {
                const __m512i two = _mm512_and_si512(
                    _mm512_srli_epi16(high.word[j], static_cast<unsigned>(shift)), three);
                return _mm512_slli_epi16(two, 4);
              };
              put_words(lower, part * 4 + j,
                        _mm512_or_si512(low_nibbles(low.word[j]), pair(2 * side)));
              put_words(upper, part * 4 + j,
                        _mm512_or_si512(high_nibbles(low.word[j]), pair(4 + 2 * side)));
            }
          }
        }
      }
    }
  }
};

}  // namespace
}  // namespace gantry::GANTRY_ISA
