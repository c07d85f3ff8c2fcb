// Activations, dropout, pooling, loss, AdamW.
#include "ops/adamw.h"
#include "ops/dropout.h"
#include "ops/gelu.h"
#include "ops/numeric_test.h"
#include "ops/pooling.h"
#include "ops/softmax_xent.h"

namespace gantry {
namespace {

using namespace numeric;

// ---- activations ----

double exact(Activation a, double x) {
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
double exact_slope(Activation a, double x) {
  if (a == Activation::kGelu) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  }
  if (a == Activation::kRelu) return x > 0 ? 1 : 0;
  const double h = 1e-5;
  return (exact(a, x + h) - exact(a, x - h)) / (2 * h);
}

TEST(Activation, EqualsFp64OverTheWholeRange) {
  std::vector<float> x;
  for (double v = -40; v <= 40; v += 0.00390625) x.push_back(static_cast<float>(v));
  for (float v : {-1e30f, -200.0f, -1e-20f, 1e-20f, 200.0f, 1e30f, 3.0e-3f}) x.push_back(v);
  const int64_t n = static_cast<int64_t>(x.size());
  with_every_instruction_set([&] {
    for (Activation a : {Activation::kNone, Activation::kGelu, Activation::kGeluTanh,
                         Activation::kRelu, Activation::kTanh}) {
      std::vector<float> y(x.size()), dx(x.size()), ones(x.size(), 1.0f);
      const Matrix<const float> in(x.data(), 1, n);
      activation_forward<float>(a, in, nullptr, Matrix<float>(y.data(), 1, n));
      activation_backward<float>(a, in, nullptr, Matrix<const float>(ones.data(), 1, n),
                                 Matrix<float>(dx.data(), 1, n));
      for (int64_t i = 0; i < n; ++i) {
        const double want = exact(a, x[i]);
        EXPECT_NEAR(y[i], want, 2.5e-7 * std::max(1.0, std::abs(want))) << x[i];
        if (std::abs(x[i]) > 1e4) continue;  // where the difference quotient has no digits
        EXPECT_NEAR(dx[i], exact_slope(a, x[i]), 5e-7) << x[i];
      }
    }
  });
}

TEST(Activation, BiasTailsAndInPlace) {
  for (int64_t cols : {1, 15, 16, 17, 31, 100}) {
    Tensor<bf16> x(9, cols, 2), y(9, cols), dy(9, cols);
    fill_normal(x, 1);
    fill_normal(dy, 2);
    const std::vector<float> bias = normals(cols, 3);
    with_every_instruction_set([&] {
      Tensor<bf16> g(9, cols);
      activation_forward<bf16>(Activation::kGelu, x, bias.data(), y);
      for (int64_t r = 0; r < 9; ++r) std::copy_n(dy.m.row(r), cols, g.m.row(r));
      activation_backward<bf16>(Activation::kGelu, x, bias.data(), g, g);
      Distance d, dg;
      for (int64_t r = 0; r < 9; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const double v = x.at(r, c) + static_cast<double>(bias[c]);
          d.add(y.at(r, c), exact(Activation::kGelu, v));
          dg.add(g.at(r, c), exact_slope(Activation::kGelu, v) * dy.at(r, c));
        }
      }
      EXPECT_LT(d.relative(), 4e-3);
      EXPECT_LT(dg.relative(), 4e-3);
    });
  }
}

// ---- dropout ----

TEST(Dropout, TheVectorMaskIsTheDefinition) {
  const std::vector<uint64_t> keys = row_keys(6, 1);
  const Dropout d{0.3f, keys.data(), 77};
  with_every_instruction_set([&] {
    for (int64_t cols : {1, 2, 31, 32, 33, 64, 300}) {
      Tensor<float> x(6, cols, 1);
      for (int64_t r = 0; r < 6; ++r) std::fill_n(x.m.row(r), cols, 1.0f);
      dropout<float>(d, x);
      for (int64_t r = 0; r < 6; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const bool kept = dropout_keeps(d, r, static_cast<uint32_t>(c));
          EXPECT_EQ(x.at(r, c), kept ? d.scale() : 0.0f);
        }
      }
    }
  });
}

TEST(Dropout, OffLeavesEverything) {
  Tensor<float> x(3, 5);
  fill_normal(x, 1);
  const std::vector<float> before = x.data;
  dropout<float>(Dropout{}, x);
  EXPECT_EQ(before, x.data);
}

// Correlation between two masks of n Bernoulli draws is N(0, 1/n): 5 sigma is refused.
double correlation(const std::vector<char>& a, const std::vector<char>& b) {
  double ma = 0, mb = 0, ab = 0;
  const double n = static_cast<double>(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ma += a[i] / n;
    mb += b[i] / n;
    ab += a[i] * b[i] / n;
  }
  return (ab - ma * mb) / std::sqrt(ma * (1 - ma) * mb * (1 - mb));
}

TEST(Dropout, LooksIndependent) {
  const int64_t rows = 600, cols = 512;
  const auto mask = [&](uint64_t seed, uint32_t site, bool consecutive) {
    std::vector<uint64_t> keys(rows);
    for (int64_t r = 0; r < rows; ++r) keys[r] = consecutive ? seed + r : mix64(seed, r);
    const Dropout d{0.1f, keys.data(), site};
    std::vector<char> m;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c)
        m.push_back(!dropout_keeps(d, r, static_cast<uint32_t>(c)));
    }
    return m;
  };
  const double n = static_cast<double>(rows * cols), five = 5 / std::sqrt(n);
  for (bool consecutive : {false, true}) {
    const std::vector<char> a = mask(1, 0, consecutive);
    double mean = 0;
    for (char x : a) mean += x / n;
    EXPECT_NEAR(mean, 0.1, 5 * std::sqrt(0.09 / n));
    EXPECT_LT(std::abs(correlation(a, mask(1, 1, consecutive))), five) << "sites";
    EXPECT_LT(std::abs(correlation(a, mask(1 << 20, 0, consecutive))), five) << "steps";
    for (int64_t lag : {1, 2, 3, 32, 64, 512, 513, 1024}) {  // neighbours in a row and between rows
      const std::vector<char> x(a.begin(), a.end() - lag), y(a.begin() + lag, a.end());
      EXPECT_LT(std::abs(correlation(x, y)), five * 1.01) << "lag " << lag;
    }
    // Dropped elements a row and a column: variance of a binomial.
    for (const auto& [count, stride, step] :
         {std::array<int64_t, 3>{rows, 1, cols}, std::array<int64_t, 3>{cols, cols, 1}}) {
      const double size = n / static_cast<double>(count);
      double chi = 0;
      for (int64_t i = 0; i < count; ++i) {
        double dropped = 0;
        for (int64_t k = 0; k < static_cast<int64_t>(size); ++k)
          dropped += a[i * step + k * stride];
        chi += (dropped - 0.1 * size) * (dropped - 0.1 * size) / (0.09 * size);
      }
      const double f = static_cast<double>(count);
      EXPECT_NEAR(chi / f, 1.0, 5 * std::sqrt(2 / f));
    }
  }
}

// ---- pooling ----

template <typename T>
void check_pooling() {
  const std::vector<int32_t> cu = {0, 3, 4, 9};
  Tensor<T> x(12, 5), dx(12, 5);
  fill_normal(x, 1);
  Tensor<float> y(3, 5), dy(3, 5);
  fill_normal(dy, 2);
  for (Pooling kind : {Pooling::kMean, Pooling::kFirst}) {
    pool_forward<T>(kind, x, cu, y);
    fill_normal(dx, 3);
    pool_backward<T>(kind, cu, dy, dx);
    for (int64_t s = 0; s < 3; ++s) {
      for (int64_t c = 0; c < 5; ++c) {
        double sum = 0;
        const int32_t n = kind == Pooling::kFirst ? 1 : cu[s + 1] - cu[s];
        for (int32_t r = 0; r < n; ++r) sum += x.at(cu[s] + r, c);
        EXPECT_NEAR(y.at(s, c), sum / n, 1e-6);
        for (int32_t r = cu[s]; r < cu[s + 1]; ++r) {
          const float want = r - cu[s] < n ? dy.at(s, c) / static_cast<float>(n) : 0;
          EXPECT_NEAR(dx.at(r, c), want, sizeof(T) == 4 ? 1e-6 : 4e-3 * std::abs(want));
        }
      }
    }
    for (int64_t r = 9; r < 12; ++r) {
      for (int64_t c = 0; c < 5; ++c) EXPECT_EQ(0, dx.at(r, c));
    }
  }
}
TEST(Pooling, SequencesInFloat) { check_pooling<float>(); }
TEST(Pooling, SequencesInBf16) { check_pooling<bf16>(); }

TEST(Pooling, Windows) {
  const std::vector<int32_t> cu = {0, 2, 3};
  Tensor<float> x(3, 2), y(2, 2), dy(2, 2), dx(3, 2);
  const float values[] = {1, 5, 3, -2, 7, 8};
  std::copy_n(values, 6, x.m.data);
  const float gradient[] = {1, 2, 3, 4};
  std::copy_n(gradient, 4, dy.m.data);
  std::vector<int32_t> arg(4);
  pool_windows_forward(WindowPooling::kMax, x, cu, y, arg.data());
  EXPECT_EQ(std::vector<float>(y.m.data, y.m.data + 4), (std::vector<float>{3, 5, 7, 8}));
  pool_windows_backward(WindowPooling::kMax, cu, dy, arg.data(), dx);
  EXPECT_EQ(std::vector<float>(dx.m.data, dx.m.data + 6), (std::vector<float>{0, 2, 1, 0, 3, 4}));
  pool_windows_forward(WindowPooling::kMean, x, cu, y, nullptr);
  EXPECT_EQ(std::vector<float>(y.m.data, y.m.data + 4), (std::vector<float>{2, 1.5, 7, 8}));
  pool_windows_backward(WindowPooling::kMean, cu, dy, nullptr, dx);
  EXPECT_EQ(std::vector<float>(dx.m.data, dx.m.data + 6),
            (std::vector<float>{0.5, 1, 0.5, 1, 3, 4}));
}

// ---- loss ----

TEST(CrossEntropy, GradientIsTheFiniteDifferenceOfTheLoss) {
  const int64_t n = 7, classes = 5;
  Tensor<float> logits(n, classes), d(n, classes), p(n, classes);
  fill_normal(logits, 1, 3);
  const std::vector<int32_t> labels = {0, 4, 2, -1, 1, 3, 3};
  const std::vector<float> weights = {1, 0.5f, 2, 0.1f, 3};
  for (const float smoothing : {0.0f, 0.1f}) {
    for (const float* w : {static_cast<const float*>(nullptr), weights.data()}) {
      const CrossEntropy how{w, smoothing, 0};
      const auto loss = [&](int64_t row, int64_t col, double h) {  // in fp64, from the definition
        double total = 0, divisor = 0;
        for (int64_t r = 0; r < n; ++r) {
          if (labels[r] < 0) continue;
          double lse = 0;
          const auto x = [&](int64_t c) {
            return logits.at(r, c) + (r == row && c == col ? h : 0.0);
          };
          for (int64_t c = 0; c < classes; ++c) lse += std::exp(x(c));
          lse = std::log(lse);
          const auto weight = [&](int64_t c) { return w ? static_cast<double>(w[c]) : 1.0; };
          total += (1 - double(smoothing)) * weight(labels[r]) * (lse - x(labels[r]));
          for (int64_t c = 0; c < classes; ++c) {
            total += double(smoothing) / classes * weight(c) * (lse - x(c));
          }
          divisor += weight(labels[r]);
        }
        return total / divisor;
      };
      const double got = cross_entropy(how, logits, labels.data(), d, p);
      EXPECT_NEAR(got, loss(-1, -1, 0), 1e-7);
      for (int64_t r = 0; r < n; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < classes; ++c) {
          const double h = 1e-5;
          EXPECT_NEAR(d.at(r, c), (loss(r, c, h) - loss(r, c, -h)) / (2 * h), 2e-7);
          sum += p.at(r, c);
        }
        EXPECT_NEAR(sum, 1, 1e-6);
      }
      // Half and half with the divisor of the whole: the same gradient.
      Tensor<float> first(3, classes), second(4, classes);
      CrossEntropy part = how;
      part.weight_sum = label_weight_sum(w, labels.data(), n);
      const double a = cross_entropy(part, logits.m.row_range(0, 3), labels.data(), first, {});
      const double b = cross_entropy(part, logits.m.row_range(3, 4), labels.data() + 3, second, {});
      EXPECT_NEAR(a + b, got, 1e-12);
      for (int64_t c = 0; c < classes; ++c) EXPECT_EQ(first.at(2, c), d.at(2, c));
    }
  }
  softmax(logits, logits);
  for (int64_t c = 0; c < classes; ++c) EXPECT_EQ(logits.at(0, c), p.at(0, c));
}

// ---- AdamW ----

TEST(AdamW, EqualsFp64OverTenSteps) {
  for (int64_t n : {1, 15, 16, 1000, 40000}) {
    with_every_instruction_set([&] {
      std::vector<float> w = normals(n, 1), m(n), v(n);
      std::vector<bf16> copy(static_cast<size_t>(n));
      std::vector<double> rw(w.begin(), w.end()), rm(n), rv(n);
      for (int64_t t = 1; t <= 10; ++t) {
        const std::vector<float> g = normals(n, 100 + t, 0.1);
        const AdamW how{.step = t, .gradient_scale = 0.5f};
        const double rate = 1e-2 / static_cast<double>(t), decay = 0.1;
        adamw_step(how, static_cast<float>(rate), static_cast<float>(decay), n, w.data(), g.data(),
                   m.data(), v.data(), copy.data());
        for (int64_t i = 0; i < n; ++i) {
          const double x = g[i] * 0.5;
          rw[i] -= rate * decay * rw[i];
          rm[i] = 0.9 * rm[i] + 0.1 * x;
          rv[i] = 0.999 * rv[i] + 0.001 * x * x;
          const double td = static_cast<double>(t);
          rw[i] -= rate / (1 - std::pow(0.9, td)) * rm[i] /
                   (std::sqrt(rv[i]) / std::sqrt(1 - std::pow(0.999, td)) + 1e-8);
        }
      }
      EXPECT_LT(relative_distance(w, rw, n), 3e-7);
      EXPECT_LT(relative_distance(m, rm, n), 1e-6);
      EXPECT_LT(relative_distance(v, rv, n), 1e-6);
      for (int64_t i = 0; i < n; ++i) EXPECT_EQ(copy[i].bits, to_bf16(w[i]).bits);
    });
  }
}

TEST(AdamW, NormAndScale) {
  for (int64_t n : {0, 1, 255, 256, 257, 200000}) {
    const std::vector<float> x = normals(n, 3);
    double want = 0;
    for (float v : x) want += static_cast<double>(v) * v;
    with_every_instruction_set([&] {
      EXPECT_NEAR(sum_of_squares(x.data(), n), want, 1e-6 * want);
      expect_same_for_any_threads([&] {
        const double sum = sum_of_squares(x.data(), n);
        std::vector<float> y = x;
        scale_in_place(y.data(), n, 0.75f);
        for (int64_t i = 0; i < n; ++i) EXPECT_EQ(y[i], x[i] * 0.75f);
        std::vector<char> bytes;
        append_bytes(bytes, &sum, 1);
        return bytes;
      });
    });
  }
  std::vector<char> ones(3000000, 1);
  fill_zero(ones.data(), 2999999);
  EXPECT_EQ(std::count(ones.begin(), ones.end(), 1), 1);
}

}  // namespace
}  // namespace gantry
