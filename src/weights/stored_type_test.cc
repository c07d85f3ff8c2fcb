#include "weights/stored_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"

namespace gantry {
namespace {

float decode(StoredType type, uint16_t bits) {
  float value;
  stored_to_float(type, {reinterpret_cast<const uint8_t*>(&bits), 2}, {&value, 1});
  return value;
}

uint16_t encode(StoredType type, float value) {
  uint16_t bits;
  float_to_stored(type, {&value, 1}, {reinterpret_cast<uint8_t*>(&bits), 2});
  return bits;
}

// The value by the definition of IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.
double half_by_definition(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

TEST(StoredType, EveryHalfIsDecodedByItsDefinitionAndEncodedBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = decode(StoredType::f16, half);
    if (((half >> 10) & 31) == 31) {
      EXPECT_EQ(std::isinf(value), (half & 1023) == 0);
      EXPECT_EQ(std::isnan(value), (half & 1023) != 0);
    } else {
      ASSERT_EQ(value, half_by_definition(half)) << bits;
      ASSERT_EQ(std::signbit(value), half >= 0x8000);
    }
    if (std::isnan(value)) continue;
    ASSERT_EQ(encode(StoredType::f16, value), half) << bits;
  }
}

// To nearest, ties to even: no neighbour is nearer, and a tie ends in an even bit.
void expect_nearest(StoredType type, float value) {
  const uint16_t bits = encode(type, value);
  const double error = std::fabs(static_cast<double>(decode(type, bits)) - value);
  for (int step : {-1, 1}) {
    const auto neighbour = static_cast<uint16_t>(bits + step);
    if ((neighbour ^ bits) & 0x8000) continue;
    const double other = std::fabs(static_cast<double>(decode(type, neighbour)) - value);
    if (std::isnan(other) || std::isinf(other)) continue;
    ASSERT_LE(error, other) << value;
    ASSERT_TRUE(error < other || bits % 2 == 0) << value;
  }
}

TEST(StoredType, FloatsGoToTheNearestSixteenBits) {
  Random random(7);
  for (int i = 0; i < 200000; ++i) {
    const auto exponent = static_cast<int>(random.below(40)) - 28;
    expect_nearest(StoredType::f16,
                   std::ldexp(static_cast<float>(random.uniform() - 0.5), exponent));
    expect_nearest(StoredType::bf16, static_cast<float>(random.normal()));
  }
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {  // the middle between neighbours
    const double middle = (half_by_definition(static_cast<uint16_t>(bits)) +
                           half_by_definition(static_cast<uint16_t>(bits + 1))) /
                          2;
    expect_nearest(StoredType::f16, static_cast<float>(middle));
  }
}

TEST(StoredType, BeyondTheRangeIsInfinite) {
  EXPECT_EQ(encode(StoredType::f16, 65504.0f), 0x7bff);
  EXPECT_EQ(encode(StoredType::f16, 65519.0f), 0x7bff);
  EXPECT_EQ(encode(StoredType::f16, 65520.0f), 0x7c00);
  EXPECT_EQ(encode(StoredType::f16, -1e30f), 0xfc00);
  EXPECT_EQ(encode(StoredType::bf16, std::numeric_limits<float>::max()), 0x7f80);
  for (StoredType type : {StoredType::f16, StoredType::bf16}) {
    EXPECT_TRUE(std::isnan(decode(type, encode(type, std::nanf("")))));
  }
}

template <typename T>
float as_float(StoredType type, T value) {
  std::vector<uint8_t> bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  float result;
  stored_to_float(type, bytes, {&result, 1});
  return result;
}

TEST(StoredType, IntegersAndDoublesBecomeFloats) {
  EXPECT_EQ(as_float(StoredType::f64, 0.1), 0.1f);
  EXPECT_EQ(as_float(StoredType::f32, 0.1f), 0.1f);
  EXPECT_EQ(as_float(StoredType::i64, int64_t{-5}), -5.0f);
  EXPECT_EQ(as_float(StoredType::u64, uint64_t{1} << 63), 0x1p63f);
  EXPECT_EQ(as_float(StoredType::i32, int32_t{-7}), -7.0f);
  EXPECT_EQ(as_float(StoredType::u32, 4000000000u), 4e9f);
  EXPECT_EQ(as_float(StoredType::i16, int16_t{-300}), -300.0f);
  EXPECT_EQ(as_float(StoredType::u16, uint16_t{65535}), 65535.0f);
  EXPECT_EQ(as_float(StoredType::i8, int8_t{-128}), -128.0f);
  EXPECT_EQ(as_float(StoredType::u8, uint8_t{255}), 255.0f);
  EXPECT_EQ(as_float(StoredType::boolean, uint8_t{1}), 1.0f);
}

TEST(StoredType, TheFirstBadValueIsFound) {
  std::vector<float> values(10000, 1.0f);
  EXPECT_EQ(first_not_finite(values), -1);
  values[9999] = std::nanf("");
  EXPECT_EQ(first_not_finite(values), 9999);
  values[4097] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(first_not_finite(values), 4097);
  EXPECT_EQ(first_not_finite({}), -1);
}

}  // namespace
}  // namespace gantry
