// RMSNorm, RoPE and SwiGLU against fp64.
#include "ops/numeric_test.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"

namespace gantry {
namespace {

using namespace numeric;

template <typename T>
class DecoderOpsTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(DecoderOpsTest, Types);

TYPED_TEST(DecoderOpsTest, RmsNormEqualsFp64) {
  using T = TypeParam;
  for (const auto& [rows, cols] : {std::pair{1, 5}, {5, 3}, {33, 64}, {40, 577}}) {
    SCOPED_TRACE(cols);
    Tensor<T> x(rows, cols, 3), dy(rows, cols, 1), add(rows, cols, 2);
    fill_normal(x, 1, 2.0);
    fill_normal(dy, 2);
    fill_normal(add, 3);
    const std::vector<float> gamma = normals(cols, 4, 0.5, 1);
    const RmsNormWeights w{gamma.data(), 1e-5f};
    with_every_instruction_set([&] {
      Tensor<T> y(rows, cols), dx(rows, cols, 5);
      std::vector<float> rstd(static_cast<size_t>(rows));
      rms_norm_forward<T>(x, w, y, rstd.data());
      rms_norm_backward<T>(dy, x, rstd.data(), w, add, dx);
      Distance forward, backward;
      for (int64_t r = 0; r < rows; ++r) {
        double squares = 0, along = 0;
        for (int64_t c = 0; c < cols; ++c) squares += double(x.at(r, c)) * x.at(r, c);
        const double s = 1 / std::sqrt(squares / cols + 1e-5f);
        for (int64_t c = 0; c < cols; ++c) along += double(dy.at(r, c)) * gamma[c] * x.at(r, c);
        for (int64_t c = 0; c < cols; ++c) {
          forward.add(y.at(r, c), x.at(r, c) * s * gamma[c]);
          backward.add(dx.at(r, c), add.at(r, c) + s * dy.at(r, c) * gamma[c] -
                                        x.at(r, c) * s * s * s * along / cols);
        }
      }
      EXPECT_LT(forward.relative(), tolerance<T>());
      EXPECT_LT(backward.relative(), tolerance<T>());
    });
  }
}

TYPED_TEST(DecoderOpsTest, RopeTurnsPairsAndBack) {
  using T = TypeParam;
  for (const int64_t half : {1, 4, 16, 19}) {
    std::vector<double> frequencies;
    for (int64_t i = 0; i < half; ++i) frequencies.push_back(std::pow(1e4, -double(i) / half));
    const RopeTable table(frequencies, 300);
    const std::vector<int32_t> positions = {0, 7, 299, 13, 13};
    Tensor<T> x(5, 3 * 2 * half, 1);
    fill_normal(x, 1);
    with_every_instruction_set([&] {
      Tensor<T> y(5, 3 * 2 * half, 1);
      std::memcpy(y.data.data(), x.data.data(), x.data.size() * sizeof(T));
      rope_rotate<T>(table, positions, false, y);
      Distance d, back;
      for (int64_t r = 0; r < 5; ++r) {
        for (int64_t c = 0; c < x.m.cols; ++c) {
          const int64_t i = c % (2 * half), base = c - i;
          const double angle = positions[r] * frequencies[i % half];
          const double a = x.at(r, base + i % half), b = x.at(r, base + half + i % half);
          d.add(y.at(r, c), i < half ? a * std::cos(angle) - b * std::sin(angle)
                                     : b * std::cos(angle) + a * std::sin(angle));
        }
      }
      rope_rotate<T>(table, positions, true, y);
      for (int64_t r = 0; r < 5; ++r) {
        for (int64_t c = 0; c < x.m.cols; ++c) back.add(y.at(r, c), x.at(r, c));
      }
      EXPECT_LT(d.relative(), tolerance<T>());
      EXPECT_LT(back.relative(), 2 * tolerance<T>());
    });
  }
}

TYPED_TEST(DecoderOpsTest, SwigluEqualsFp64) {
  using T = TypeParam;
  for (const int64_t m : {1, 16, 45}) {
    Tensor<T> x(20, 2 * m, 3), dy(20, m);
    fill_normal(x, 1, 4.0);
    fill_normal(dy, 2);
    x.m.row(0)[0] = from_float<T>(-200.0f);  // far out, where e^-x is huge
    x.m.row(1)[0] = from_float<T>(200.0f);
    with_every_instruction_set([&] {
      Tensor<T> y(20, m, 1), dx(20, 2 * m);
      swiglu_forward<T>(x, y);
      swiglu_backward<T>(x, dy, dx);
      Distance forward, backward;
      for (int64_t r = 0; r < 20; ++r) {
        for (int64_t c = 0; c < m; ++c) {
          const double g = x.at(r, c), up = x.at(r, m + c), d = dy.at(r, c);
          const double s = 1 / (1 + std::exp(-g));
          forward.add(y.at(r, c), g * s * up);
          backward.add(dx.at(r, c), d * up * s * (1 + g * (1 - s)));
          backward.add(dx.at(r, m + c), d * g * s);
        }
      }
      EXPECT_LT(forward.relative(), tolerance<T>());
      EXPECT_LT(backward.relative(), tolerance<T>());
      Tensor<T> in_place(20, 2 * m, 3);
      std::memcpy(in_place.data.data(), x.data.data(), x.data.size() * sizeof(T));
      swiglu_backward<T>(in_place, dy, in_place);
      for (int64_t r = 0; r < 20; ++r) {
        EXPECT_EQ(0, std::memcmp(in_place.m.row(r), dx.m.row(r), sizeof(T) * 2 * m));
      }
    });
  }
}

}  // namespace
}  // namespace gantry
