#include "ops/linear_int8.h"

#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

template <typename T>
class LinearInt8Test : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(LinearInt8Test, Types);

struct Shape {
  int64_t rows, in, out;
};
constexpr Shape kShapes[] = {{1, 1, 1},     {3, 5, 7},      {15, 64, 33},  {29, 131, 40},
                             {70, 384, 96}, {33, 1536, 50}, {200, 100, 65}};

// Against the same quantisation in fp64: only the roundings of the epilogue differ.
template <typename T>
void check(Shape s) {
  Tensor<T> x(s.rows, s.in, 3), y(s.rows, s.out, 1), residual(s.rows, s.out);
  fill_normal(x, 1);
  fill_normal(residual, 2);
  const std::vector<float> w = normals(s.in * s.out, 3, 0.1), bias = normals(s.out, 4);
  LinearInt8 linear(s.in, s.out);
  linear.pack(w.data());
  linear.forward<T>(x, {.bias = bias.data(), .residual = residual}, y);
  Distance quantised, plain;
  for (int64_t r = 0; r < s.rows; ++r) {
    float low = x.at(r, 0), high = low;
    for (int64_t i = 0; i < s.in; ++i) {
      low = std::min(low, x.at(r, i));
      high = std::max(high, x.at(r, i));
    }
    const float step = high > low ? (high - low) / 255.0f : 1.0f;
    for (int64_t o = 0; o < s.out; ++o) {
      const float* row = w.data() + o * s.in;
      float top = 0;
      for (int64_t i = 0; i < s.in; ++i) top = std::max(top, std::abs(row[i]));
      const float scale = top / 127.0f;
      double sum = bias[o] + static_cast<double>(residual.at(r, o)), exact = sum;
      for (int64_t i = 0; i < s.in; ++i) {
        const double u = std::nearbyint((static_cast<double>(x.at(r, i)) - low) / step);
        sum += (low + step * u) * scale * std::nearbyint(row[i] / scale);
        exact += static_cast<double>(x.at(r, i)) * row[i];
      }
      quantised.add(y.at(r, o), sum);
      plain.add(y.at(r, o), exact);
    }
  }
  EXPECT_LT(quantised.relative(), sizeof(T) == 4 ? 1e-4 : 4e-3);  // 1e-4: a value on a half
  EXPECT_LT(plain.relative(), s.in >= 64 ? 0.012 : 0.05);
}

TYPED_TEST(LinearInt8Test, EqualsItsDefinition) {
  for (Shape s : kShapes) {
    SCOPED_TRACE(std::to_string(s.rows) + " x " + std::to_string(s.in) + " -> " +
                 std::to_string(s.out));
    with_every_instruction_set([&] { check<TypeParam>(s); });
  }
}

TYPED_TEST(LinearInt8Test, SameBitsForAnyThreadsAndNeighbours) {
  using T = TypeParam;
  const int64_t rows = 75, in = 200, out = 100;
  Tensor<T> x(rows, in);
  fill_normal(x, 1);
  const std::vector<float> w = normals(in * out, 3, 0.1);
  with_every_instruction_set([&] {
    LinearInt8 linear(in, out);
    linear.pack(w.data());
    Tensor<T> all(rows, out), one(1, out);
    expect_same_for_any_threads([&] {
      linear.forward<T>(x, {.activation = Activation::kGelu}, all);
      std::vector<char> bytes;
      append_bytes(bytes, all.data.data(), rows * out);
      return bytes;
    });
    for (int64_t r : {0, 13, 14, 74}) {
      linear.forward<T>(x.m.row_range(r, 1), {.activation = Activation::kGelu}, one);
      EXPECT_EQ(0, std::memcmp(one.m.row(0), all.m.row(r), sizeof(T) * out));
    }
  });
}

TYPED_TEST(LinearInt8Test, ConstantRowsAndZeroWeights) {
  using T = TypeParam;
  Tensor<T> x(3, 40), y(3, 5);
  for (int64_t i = 0; i < 40; ++i) {
    x.m.row(1)[i] = from_float<T>(2.0f);
    x.m.row(2)[i] = from_float<T>(-3.0f);
  }
  std::vector<float> w(200, 0.0f);
  for (int64_t i = 0; i < 40; ++i) w[40 + i] = 0.5f;
  with_every_instruction_set([&] {
    LinearInt8 linear(40, 5);
    linear.pack(w.data());
    linear.forward<T>(x, {}, y);
    EXPECT_EQ(y.at(0, 1), 0.0f);
    EXPECT_NEAR(y.at(1, 1), 40.0f, 1e-4);
    EXPECT_NEAR(y.at(2, 1), -60.0f, 1e-4);
    EXPECT_EQ(y.at(1, 0), 0.0f);
  });
}

}  // namespace
}  // namespace gantry
