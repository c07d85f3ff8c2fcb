#include "ops/layer_norm.h"

#include "ops/embedding.h"
#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

double kept(const Dropout& d, int64_t r, int64_t c) {
  if (!d.active()) return 1;
  return dropout_keeps(d, r, static_cast<uint32_t>(c)) ? d.scale() : 0;
}

struct Norm {  // one row in fp64
  std::vector<double> x_hat;
  double mean = 0, rstd = 0;
  Norm(const std::vector<double>& x, double eps) : x_hat(x.size()) {
    for (double v : x) mean += v / static_cast<double>(x.size());
    double var = 0;
    for (double v : x) var += (v - mean) * (v - mean) / static_cast<double>(x.size());
    rstd = 1 / std::sqrt(var + eps);
    for (size_t i = 0; i < x.size(); ++i) x_hat[i] = (x[i] - mean) * rstd;
  }
  // dL/dx from dL/dy
  std::vector<double> backward(const std::vector<double>& dy,
                               const std::vector<float>& gamma) const {
    const double n = static_cast<double>(dy.size());
    double a = 0, b = 0;
    for (size_t i = 0; i < dy.size(); ++i) {
      a += dy[i] * gamma[i] / n;
      b += dy[i] * gamma[i] * x_hat[i] / n;
    }
    std::vector<double> dx(dy.size());
    for (size_t i = 0; i < dy.size(); ++i) dx[i] = rstd * (dy[i] * gamma[i] - a - x_hat[i] * b);
    return dx;
  }
};

struct NormCase {
  int64_t rows, live, cols;
  bool bias, residual, second;
  float dropout;
};
constexpr NormCase kNormCases[] = {
    {1, 1, 1, true, true, false, 0},       {5, 5, 3, false, false, false, 0},
    {40, 33, 16, true, true, true, 0.1f},  {70, 70, 37, true, true, false, 0.5f},
    {65, 64, 384, true, true, true, 0.1f}, {10, 10, 768, false, true, false, 0},
    {7, 7, 100, true, false, false, 0.2f}};

template <typename T>
class LayerNormTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(LayerNormTest, Types);

template <typename T>
void check_norm(const NormCase& k) {
  Tensor<T> branch(k.rows, k.cols, 3), residual(k.rows, k.cols), dy(k.rows, k.cols, 1),
      dy2(k.rows, k.cols);
  fill_normal(branch, 1);
  fill_normal(residual, 2, 2);
  fill_normal(dy, 3);
  fill_normal(dy2, 4);
  const std::vector<float> bias = normals(k.cols, 5), gamma = normals(k.cols, 6, 0.5, 1),
                           beta = normals(k.cols, 7);
  const std::vector<uint64_t> keys = row_keys(k.rows, 8);
  const Dropout drop{k.dropout, keys.data(), 9};
  const LayerNormWeights weights{gamma.data(), beta.data(), 1e-5f};
  Tensor<T> y(k.rows, k.cols), x(k.rows, k.cols, 2), d_residual(k.rows, k.cols),
      d_branch(k.rows, k.cols);
  for (Tensor<T>* t : {&y, &x, &d_residual, &d_branch}) fill_normal(*t, 10);
  std::vector<float> mean(k.rows), rstd(k.rows);
  std::vector<float> dgamma(k.cols, 1), dbeta(k.cols, 2), dbias(k.cols, 3);
  const LayerNormSaved<T> saved{x, mean.data(), rstd.data()};
  const Matrix<const T> none;
  layer_norm_forward<T>(branch, k.bias ? bias.data() : nullptr,
                        k.residual ? Matrix<const T>(residual) : none, drop, weights, k.live, saved,
                        y);
  layer_norm_backward<T>(dy, k.second ? Matrix<const T>(dy2) : none, drop, weights, k.live, saved,
                         {d_residual, d_branch, dgamma.data(), dbeta.data(), dbias.data(), true});
  Distance forward, to_residual, to_branch;
  std::vector<double> sum_gamma(k.cols, 1), sum_beta(k.cols, 2), sum_bias(k.cols, 3);
  for (int64_t r = 0; r < k.live; ++r) {
    std::vector<double> v(k.cols), rounded(k.cols), g(k.cols);
    for (int64_t c = 0; c < k.cols; ++c) {
      v[c] = (branch.at(r, c) + double(k.bias ? bias[c] : 0)) * kept(drop, r, c) +
             (k.residual ? residual.at(r, c) : 0);
      rounded[c] = x.at(r, c);  // what the backward pass works from
      g[c] = dy.at(r, c) + double(k.second ? dy2.at(r, c) : 0);
    }
    const Norm n(v, 1e-5), back(rounded, 1e-5);
    const std::vector<double> dx = back.backward(g, gamma);
    for (int64_t c = 0; c < k.cols; ++c) {
      forward.add(y.at(r, c), n.x_hat[c] * gamma[c] + beta[c]);
      to_residual.add(d_residual.at(r, c), dx[c]);
      to_branch.add(d_branch.at(r, c), dx[c] * kept(drop, r, c));
      sum_gamma[c] += g[c] * back.x_hat[c];
      sum_beta[c] += g[c];
      sum_bias[c] += dx[c] * kept(drop, r, c);
    }
  }
  for (int64_t r = k.live; r < k.rows; ++r) {
    for (int64_t c = 0; c < k.cols; ++c) {
      EXPECT_EQ(0, y.at(r, c));
      EXPECT_EQ(0, d_residual.at(r, c));
      EXPECT_EQ(0, d_branch.at(r, c));
    }
  }
  const double bound =
      sizeof(T) == 4 ? 3e-6 : 6e-3;  // bf16: mean and rstd are those before rounding
  EXPECT_LT(forward.relative(), bound);
  EXPECT_LT(relative_distance(dbeta, sum_beta, k.cols), 3e-6);
  if (k.cols == 1) return;  // x-hat of a single column is rounding and nothing else
  EXPECT_LT(to_residual.relative(), bound);
  EXPECT_LT(to_branch.relative(), bound);
  EXPECT_LT(relative_distance(dgamma, sum_gamma, k.cols), bound);
  EXPECT_LT(relative_distance(dbias, sum_bias, k.cols), bound);
}

TYPED_TEST(LayerNormTest, EqualsFp64) {
  for (const NormCase& k : kNormCases) {
    SCOPED_TRACE(std::to_string(k.rows) + " x " + std::to_string(k.cols));
    with_every_instruction_set([&] { check_norm<TypeParam>(k); });
  }
}

struct EmbeddingCase {
  int64_t rows, live, cols;
  bool type;
  float dropout;
};
constexpr EmbeddingCase kEmbeddingCases[] = {{1, 1, 5, false, 0},
                                             {70, 61, 48, true, 0.1f},
                                             {33, 33, 384, true, 0},
                                             {50, 40, 100, true, 0.3f}};

template <typename T>
void check_embedding(const EmbeddingCase& k) {
  const int64_t words = 11, positions = 80, types = 2, h = k.cols;
  const std::vector<float> word = normals(words * h, 1), position = normals(positions * h, 2),
                           type = normals(types * h, 3), gamma = normals(h, 4, 0.5, 1),
                           beta = normals(h, 5);
  std::vector<int32_t> w(k.live), p(k.live), t(k.live);
  Random random(6);
  for (int64_t r = 0; r < k.live; ++r) {
    w[r] = static_cast<int32_t>(random.below(words));
    p[r] = static_cast<int32_t>(random.below(positions));
    t[r] = static_cast<int32_t>(random.below(types));
  }
  const std::vector<uint64_t> keys = row_keys(k.rows, 8);
  const Dropout drop{k.dropout, keys.data(), 3};
  const EmbeddingTables tables{word.data(), position.data(), type.data(), words, positions, types};
  const EmbeddingIds ids{w.data(), p.data(), k.type ? t.data() : nullptr, k.live};
  const LayerNormWeights weights{gamma.data(), beta.data(), 1e-5f};
  Tensor<T> y(k.rows, h), dy(k.rows, h, 3), dy2(k.rows, h);
  fill_normal(dy, 9);
  fill_normal(dy2, 10);
  std::vector<float> mean(k.live), rstd(k.live), dword(words * h), dposition(positions * h),
      dtype(types * h), dgamma(h), dbeta(h);
  Tensor<float> scratch(k.live, h);
  embedding_forward<T>(tables, ids, weights, drop, mean.data(), rstd.data(), y);
  embedding_backward<T>(
      tables, ids, weights, drop, mean.data(), rstd.data(), dy, dy2, scratch,
      {dword.data(), dposition.data(), dtype.data(), dgamma.data(), dbeta.data()});
  std::vector<double> gw(words * h), gp(positions * h), gt(types * h), gg(h), gb(h);
  Distance forward;
  for (int64_t r = 0; r < k.live; ++r) {
    const int64_t tr = k.type ? t[r] : 0;
    std::vector<double> v(h), g(h);
    for (int64_t c = 0; c < h; ++c) {
      v[c] = double(word[w[r] * h + c]) + position[p[r] * h + c] + type[tr * h + c];
      g[c] = (double(dy.at(r, c)) + dy2.at(r, c)) * kept(drop, r, c);
    }
    const Norm n(v, 1e-5);
    const std::vector<double> dx = n.backward(g, gamma);
    for (int64_t c = 0; c < h; ++c) {
      forward.add(y.at(r, c), (n.x_hat[c] * gamma[c] + beta[c]) * kept(drop, r, c));
      gw[w[r] * h + c] += dx[c];
      gp[p[r] * h + c] += dx[c];
      gt[tr * h + c] += dx[c];
      gg[c] += g[c] * n.x_hat[c];
      gb[c] += g[c];
    }
  }
  EXPECT_LT(forward.relative(), tolerance<T>());
  EXPECT_LT(relative_distance(dword, gw, words * h), 3e-6);
  EXPECT_LT(relative_distance(dposition, gp, positions * h), 3e-6);
  EXPECT_LT(relative_distance(dtype, gt, types * h), 3e-6);
  EXPECT_LT(relative_distance(dgamma, gg, h), 3e-6);
  EXPECT_LT(relative_distance(dbeta, gb, h), 3e-6);
  for (int64_t r = k.live; r < k.rows; ++r) {
    for (int64_t c = 0; c < h; ++c) EXPECT_EQ(0, y.at(r, c));
  }
}

TYPED_TEST(LayerNormTest, EmbeddingsEqualFp64) {
  for (const EmbeddingCase& k : kEmbeddingCases) {
    SCOPED_TRACE(std::to_string(k.rows) + " x " + std::to_string(k.cols));
    with_every_instruction_set([&] { check_embedding<TypeParam>(k); });
  }
}

TYPED_TEST(LayerNormTest, SameBitsForAnyThreads) {
  using T = TypeParam;
  const int64_t rows = 300, cols = 96;
  Tensor<T> in(rows, cols), dy(rows, cols);
  fill_normal(in, 1);
  fill_normal(dy, 2);
  const std::vector<float> gamma = normals(cols, 3), beta = normals(cols, 4);
  const std::vector<float> table = normals(40 * cols, 5);
  std::vector<int32_t> ids(rows);
  for (int64_t r = 0; r < rows; ++r) ids[r] = static_cast<int32_t>(r * 7 % 40);
  const std::vector<uint64_t> keys = row_keys(rows, 6);
  const Dropout drop{0.1f, keys.data(), 2};
  with_every_instruction_set([&] {
    expect_same_for_any_threads([&] {
      const LayerNormWeights weights{gamma.data(), beta.data(), 1e-5f};
      Tensor<T> y(rows, cols), x(rows, cols), dx(rows, cols), db(rows, cols);
      std::vector<float> mean(rows), rstd(rows), sums(3 * cols), words(40 * cols);
      Tensor<float> scratch(rows, cols);
      const LayerNormSaved<T> saved{x, mean.data(), rstd.data()};
      layer_norm_forward<T>(in, beta.data(), in, drop, weights, rows, saved, y);
      layer_norm_backward<T>(dy, {}, drop, weights, rows, saved,
                             {dx, db, sums.data(), sums.data() + cols, sums.data() + 2 * cols});
      const EmbeddingTables tables{table.data(), table.data(), nullptr, 40, 40, 1};
      const EmbeddingIds rows_of{ids.data(), ids.data(), nullptr, rows};
      embedding_forward<T>(tables, rows_of, weights, drop, mean.data(), rstd.data(), y);
      embedding_backward<T>(tables, rows_of, weights, drop, mean.data(), rstd.data(), dy, {},
                            scratch, {words.data()});
      std::vector<char> bytes;
      append_bytes(bytes, y.data.data(), rows * cols);
      append_bytes(bytes, dx.data.data(), rows * cols);
      append_bytes(bytes, db.data.data(), rows * cols);
      append_bytes(bytes, sums.data(), 3 * cols);
      append_bytes(bytes, words.data(), 40 * cols);
      return bytes;
    });
  });
}

}  // namespace
}  // namespace gantry
