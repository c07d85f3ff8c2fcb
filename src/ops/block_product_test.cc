#include "ops/block_product.h"

#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

constexpr BlockType kBlockTypes[] = {BlockType::q4_0, BlockType::q4_1, BlockType::q5_0,
                                     BlockType::q5_1, BlockType::q8_0, BlockType::q4_k,
                                     BlockType::q5_k, BlockType::q6_k};
constexpr BlockType kFloatTypes[] = {BlockType::f32, BlockType::f16, BlockType::bf16};

uint16_t half_bits(Random& random, double low, double high) {
  // Positive normal halves: exponent and mantissa from the value.
  const auto value = static_cast<float>(low + (high - low) * random.uniform());
  const auto u = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>(((u >> 23) - 112) << 10 | ((u >> 13) & 0x3ff));
}

// A stored matrix of random codes and sensible scales.
struct Stored {
  BlockMatrix matrix;
  std::vector<uint8_t> bytes;
  std::vector<float> values;  // decoded

  Stored(BlockType type, int64_t out, int64_t in, uint64_t seed) {
    const int64_t blocks = in / block_elements(type), row_bytes = blocks * block_bytes(type);
    bytes.resize(static_cast<size_t>(out * row_bytes));
    values.resize(static_cast<size_t>(out * in));
    Random random(seed);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.next());
    for (int64_t i = 0; i < out * blocks; ++i)
      set_scales(type, &bytes[i * block_bytes(type)], random);
    matrix = {type, out, in, bytes.data(), row_bytes};
    for (int64_t r = 0; r < out; ++r) {
      blocks_to_float(type, {matrix.row(r), static_cast<size_t>(row_bytes)},
                      {&values[static_cast<size_t>(r * in)], static_cast<size_t>(in)});
    }
  }

  static void put(uint8_t* at, uint16_t bits) { std::memcpy(at, &bits, 2); }
  static void set_scales(BlockType type, uint8_t* block, Random& random) {
    switch (type) {
      case BlockType::f32: {
        const auto value = static_cast<float>(0.1 * random.normal());
        std::memcpy(block, &value, 4);
        return;
      }
      case BlockType::bf16:
        put(block, to_bf16(static_cast<float>(0.1 * random.normal())).bits);
        return;
      case BlockType::f16:
        put(block, static_cast<uint16_t>(half_bits(random, 0.01, 0.2) | (random.next() & 0x8000)));
        return;
      case BlockType::q6_k:
        put(block + 208, half_bits(random, 0.0001, 0.0004));
        return;
      case BlockType::q4_k:
      case BlockType::q5_k:
        put(block, half_bits(random, 0.0005, 0.001));
        put(block + 2, half_bits(random, 0.0005, 0.001));
        return;
      case BlockType::q4_1:
      case BlockType::q5_1:
        put(block, half_bits(random, 0.01, 0.02));
        put(block + 2, static_cast<uint16_t>(half_bits(random, 0.05, 0.2) | 0x8000));
        return;
      default:
        put(block, half_bits(random, 0.005, 0.02));
    }
  }
};

std::vector<float> rounded_rows(Matrix<const float> x, float steps) {
  std::vector<float> out;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t b = 0; b < x.cols; b += 32) {
      float top = 0;
      for (int64_t i = 0; i < 32; ++i) top = std::max(top, std::abs(x.row(r)[b + i]));
      for (int64_t i = 0; i < 32; ++i) {
        const float inverse = top > 0 ? steps / top : 0.0f;
        out.push_back(std::nearbyint(x.row(r)[b + i] * inverse) * (top / steps));
      }
    }
  }
  return out;
}

struct Shape {
  int64_t rows, in, out;
};

void check(BlockType type, Shape s, ProductRows::Form form) {
  SCOPED_TRACE(std::string(name_of(type)) + " " + std::to_string(s.rows) + " x " +
               std::to_string(s.in) + " -> " + std::to_string(s.out));
  const Stored w(type, s.out, s.in, 7);
  Tensor<float> x(s.rows, s.in, 5), y(s.rows, s.out, 3);
  fill_normal(x, 1);
  fill_normal(y, 2);
  std::vector<float> before(y.data);
  ProductRows rows(s.rows, s.in, form);
  rows.set(x);
  block_product(rows, {{&w.matrix, y, true}});
  const bool rounded = form != ProductRows::kExact && block_elements(type) > 1;
  const std::vector<float> seen = rounded_rows(x, form == ProductRows::kInt8 ? 127 : 127 * 256);
  Distance defined, plain;
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      double sum = before[static_cast<size_t>(r * y.m.ld + o)], exact = sum;
      for (int64_t i = 0; i < s.in; ++i) {
        const double weight = w.values[static_cast<size_t>(o * s.in + i)];
        exact += weight * x.at(r, i);
        sum += weight * (rounded ? seen[static_cast<size_t>(r * s.in + i)] : x.at(r, i));
      }
      defined.add(y.at(r, o), sum);
      plain.add(y.at(r, o), exact);
    }
  }
  EXPECT_LT(defined.relative(), 2e-6);
  const double bound = form == ProductRows::kInt8 ? 0.012 : 5e-5;  // half a step of rounding
  EXPECT_LT(plain.relative(), rounded ? bound : 2e-6);
}

TEST(BlockProduct, EqualsItsDefinition) {
  with_every_instruction_set([] {
    for (BlockType type : kBlockTypes) {
      for (Shape s : {Shape{1, 256, 16}, {3, 512, 37}, {15, 1280, 20}, {26, 2304, 5}}) {
        check(type, s, ProductRows::kInt8);
        check(type, s, ProductRows::kInt16);
        if (s.in <= 512) check(type, s, ProductRows::kExact);
      }
    }
    for (BlockType type : kFloatTypes) {
      for (Shape s : {Shape{1, 64, 33}, {1, 7, 1}, {3, 172, 37}, {29, 200, 20}}) {
        check(type, s, ProductRows::kExact);
        check(type, s, ProductRows::kInt8);
      }
    }
  });
}

TEST(BlockProduct, ARowAloneGivesTheBitsItHasAmongOthers) {
  with_every_instruction_set([] {
    for (BlockType type : {BlockType::q4_0, BlockType::q4_1, BlockType::q8_0, BlockType::q4_k,
                           BlockType::q6_k, BlockType::f32, BlockType::bf16, BlockType::f16}) {
      SCOPED_TRACE(name_of(type));
      const int64_t rows = 15, in = 512, out = 40;
      const Stored w(type, out, in, 3);
      Tensor<float> x(rows, in), together(rows, out), alone(1, out);
      fill_normal(x, 4);
      for (ProductRows::Form form : {ProductRows::kInt8, ProductRows::kInt16}) {
        ProductRows all(rows, in, form), one(1, in, form);
        all.set(x);
        block_product(all, {{&w.matrix, together}});
        for (int64_t r = 0; r < rows; ++r) {
          one.set(x.m.row_range(r, 1));
          block_product(one, {{&w.matrix, alone}});
          ASSERT_EQ(0, std::memcmp(alone.m.row(0), together.m.row(r), out * sizeof(float))) << r;
        }
      }
    }
  });
}

TEST(BlockProduct, SeveralOutputsAndAnyThreads) {
  const Stored a(BlockType::q4_1, 70, 320, 1), b(BlockType::f32, 33, 320, 2),
      c(BlockType::q8_0, 9, 320, 3);
  expect_same_for_any_threads([&] {
    Tensor<float> x(5, 320), ya(5, 70), yb(5, 33), yc(5, 9);
    fill_normal(x, 4);
    ProductRows rows(5, 320, ProductRows::kInt8);
    rows.set(x);
    block_product(rows, {{&a.matrix, ya}, {&b.matrix, yb}, {&c.matrix, yc}});
    std::vector<char> bytes;
    append_bytes(bytes, ya.m.data, 5 * 70);
    append_bytes(bytes, yb.m.data, 5 * 33);
    append_bytes(bytes, yc.m.data, 5 * 9);
    return bytes;
  });
}

TEST(BlockProduct, RowsOfRotatedHeadsAreReadInTheirOrder) {
  // Stored row 2 j + h is row j + half h.
  const int64_t half = 4, out = 24, in = 64;
  Stored plain(BlockType::f32, out, in, 5);
  BlockMatrix rotated = plain.matrix;
  rotated.rotary_half = half;
  Tensor<float> x(1, in), y(1, out), z(1, out);
  fill_normal(x, 6);
  ProductRows rows(1, in, ProductRows::kInt8);
  rows.set(x);
  block_product(rows, {{&plain.matrix, y}, {&rotated, z}});
  for (int64_t head = 0; head < out; head += 2 * half) {
    for (int64_t j = 0; j < half; ++j) {
      EXPECT_EQ(z.at(0, head + j), y.at(0, head + 2 * j));
      EXPECT_EQ(z.at(0, head + half + j), y.at(0, head + 2 * j + 1));
    }
  }
}

}  // namespace
}  // namespace gantry
