#include "ops/linear.h"

#include "ops/linear_onednn.h"
#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

struct Shape {
  int64_t rows, in, out;
};
// Tile edges on every side, one element, and sides longer than one block of k or of rows.
constexpr Shape kShapes[] = {{1, 1, 1},     {3, 5, 7},      {14, 16, 32},   {15, 17, 33},
                             {29, 31, 95},  {64, 384, 96},  {75, 384, 384}, {200, 48, 130},
                             {531, 40, 70}, {1030, 33, 45}, {40, 1536, 100}};

double activation(Activation a, double x) {
  switch (a) {
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kTanh:
      return std::tanh(x);
    default:
      return x;
  }
}

double slope(Activation a, double x) {
  if (a == Activation::kRelu) return x > 0 ? 1 : 0;
  const double h = 1e-5;
  return (activation(a, x + h) - activation(a, x - h)) / (2 * h);
}

template <typename T>
struct Case {
  Shape s;
  Tensor<T> x, dy, residual, pre_in, add;
  std::vector<float> w, b;
  explicit Case(Shape s)
      : s(s),
        x(s.rows, s.in, 3),
        dy(s.rows, s.out, 5),
        residual(s.rows, s.out),
        pre_in(s.rows, s.in),
        add(s.rows, s.in, 1),
        w(normals(s.in * s.out, 7, 1 / std::sqrt(s.in))),
        b(normals(s.out, 8)) {
    fill_normal(x, 1);
    fill_normal(dy, 2);
    fill_normal(residual, 3);
    fill_normal(pre_in, 4);
    fill_normal(add, 5);
    if (sizeof(T) == 2) {  // so that both ways of multiplying bf16 see the same weights
      for (float& v : w) v = to_float(to_bf16(v));
    }
  }
};

template <typename T>
void check_forward(const Case<T>& c, typename Linear<T>::Use use, Activation a, bool extras) {
  const Shape s = c.s;
  Linear<T> linear(s.in, s.out, use);
  linear.pack(c.w.data());
  Tensor<T> y(s.rows, s.out, 2), pre(s.rows, s.out);
  LinearForward<T> how{.activation = a};
  if (extras) how = {c.b.data(), a, pre, c.residual};
  linear.forward(c.x, how, y);
  Distance d, dp;
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      double v = extras ? c.b[o] : 0;
      for (int64_t i = 0; i < s.in; ++i) v += static_cast<double>(c.x.at(r, i)) * c.w[o * s.in + i];
      if (extras) dp.add(pre.at(r, o), v);
      d.add(y.at(r, o), activation(a, v) + (extras ? c.residual.at(r, o) : 0));
    }
  }
  EXPECT_LT(d.relative(), tolerance<T>());
  EXPECT_LT(dp.relative(), tolerance<T>());
}

template <typename T>
void check_backward(const Case<T>& c, Activation a, bool add) {
  const Shape s = c.s;
  Linear<T> linear(s.in, s.out, Linear<T>::kTrain);
  linear.pack(c.w.data());
  Tensor<T> dx(s.rows, s.in);
  LinearBackwardData<T> how{a, c.pre_in, {}};
  if (add) how.add = c.add;
  linear.backward_data(c.dy, how, dx);
  Distance d;
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t i = 0; i < s.in; ++i) {
      double v = 0;
      for (int64_t o = 0; o < s.out; ++o)
        v += static_cast<double>(c.dy.at(r, o)) * c.w[o * s.in + i];
      d.add(dx.at(r, i), v * slope(a, c.pre_in.at(r, i)) + (add ? c.add.at(r, i) : 0));
    }
  }
  EXPECT_LT(d.relative(), tolerance<T>());
}

template <typename T>
void check_weight(const Case<T>& c, bool accumulate) {
  const Shape s = c.s;
  std::vector<float> dw = normals(s.in * s.out, 11), db = normals(s.out, 12);
  const std::vector<float> dw0 = dw, db0 = db;
  linear_backward_weight<T>(c.dy, c.x, dw.data(), db.data(), accumulate);
  Distance d, d_bias;
  for (int64_t o = 0; o < s.out; ++o) {
    double sum = accumulate ? db0[o] : 0;
    for (int64_t r = 0; r < s.rows; ++r) sum += c.dy.at(r, o);
    d_bias.add(db[o], sum);
    for (int64_t i = 0; i < s.in; ++i) {
      double v = accumulate ? dw0[o * s.in + i] : 0;
      for (int64_t r = 0; r < s.rows; ++r) v += static_cast<double>(c.dy.at(r, o)) * c.x.at(r, i);
      d.add(dw[o * s.in + i], v);
    }
  }
  EXPECT_LT(d.relative(), 2e-6);
  EXPECT_LT(d_bias.relative(), 2e-6);
}

template <typename T>
class LinearTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(LinearTest, Types);

TYPED_TEST(LinearTest, EqualsFp64InEveryShape) {
  for (Shape s : kShapes) {
    SCOPED_TRACE(std::to_string(s.rows) + " x " + std::to_string(s.in) + " -> " +
                 std::to_string(s.out));
    const Case<TypeParam> c(s);
    with_every_instruction_set([&] {
      check_forward(c, Linear<TypeParam>::kTrain, Activation::kNone, false);
      check_forward(c, Linear<TypeParam>::kInfer, Activation::kNone, true);
      check_backward(c, Activation::kNone, false);
      check_backward(c, Activation::kNone, true);
      check_weight(c, false);
      check_weight(c, true);
    });
  }
}

TYPED_TEST(LinearTest, EveryActivationInTheEpilogue) {
  const Case<TypeParam> c({37, 48, 50});
  with_every_instruction_set([&] {
    for (Activation a :
         {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu, Activation::kTanh}) {
      check_forward(c, Linear<TypeParam>::kTrain, a, true);
      check_backward(c, a, true);
    }
  });
}

TEST(LinearOneDnn, EqualsFp64) {
  if (best_instruction_set() < Isa::kAvx512) GTEST_SKIP() << "oneDNN has no bf16 here";
  const bool before = use_onednn();
  set_use_onednn(true);
  for (Shape s : kShapes) {
    SCOPED_TRACE(std::to_string(s.rows) + " x " + std::to_string(s.in) + " -> " +
                 std::to_string(s.out));
    const Case<bf16> c(s);
    check_forward(c, Linear<bf16>::kTrain, Activation::kNone, false);
    check_forward(c, Linear<bf16>::kInfer, Activation::kGelu, true);
    check_backward(c, Activation::kNone, false);
    check_backward(c, Activation::kGelu, true);
    check_weight(c, false);
    check_weight(c, true);
  }
  set_use_onednn(before);
}

TYPED_TEST(LinearTest, SameBitsForAnyThreads) {
  using T = TypeParam;
  const Case<T> c({203, 384, 160});
  with_every_instruction_set([&] {
    expect_same_for_any_threads([&] {
      Linear<T> linear(c.s.in, c.s.out, Linear<T>::kTrain);
      linear.pack(c.w.data());
      Tensor<T> y(c.s.rows, c.s.out), dx(c.s.rows, c.s.in);
      std::vector<float> dw(c.w.size()), db(c.b.size());
      linear.forward(c.x, {.bias = c.b.data(), .activation = Activation::kGelu}, y);
      linear.backward_data(c.dy, {}, dx);
      linear_backward_weight<T>(c.dy, c.x, dw.data(), db.data(), false);
      std::vector<char> bytes;
      append_bytes(bytes, y.data.data(), static_cast<int64_t>(y.data.size()));
      append_bytes(bytes, dx.data.data(), static_cast<int64_t>(dx.data.size()));
      append_bytes(bytes, dw.data(), static_cast<int64_t>(dw.size()));
      append_bytes(bytes, db.data(), static_cast<int64_t>(db.size()));
      return bytes;
    });
  });
}

// A row's result does not depend on the rows beside it: packed equals alone, bit for bit.
TYPED_TEST(LinearTest, ARowDoesNotSeeItsNeighbours) {
  using T = TypeParam;
  const Case<T> c({61, 96, 70});
  with_every_instruction_set([&] {
    Linear<T> linear(c.s.in, c.s.out, Linear<T>::kInfer);
    linear.pack(c.w.data());
    Tensor<T> all(c.s.rows, c.s.out);
    linear.forward(c.x, {}, all);
    for (int64_t r : {0, 13, 14, 40, 60}) {
      Tensor<T> one(1, c.s.out);
      linear.forward(c.x.m.row_range(r, 1), {}, one);
      EXPECT_EQ(0, std::memcmp(one.m.row(0), all.m.row(r), sizeof(T) * c.s.out));
    }
  });
}

}  // namespace
}  // namespace gantry
