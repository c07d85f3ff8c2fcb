#include "ops/attention.h"

#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

struct Case {
  const char* name;
  std::vector<int32_t> lengths;
  int64_t padding;  // rows behind the live ones
  AttentionShape shape;
  float dropout;
};
const Case kCases[] = {
    {"one token", {1}, 0, {.heads = 1, .head_size = 16}, 0},
    {"two heads of 32", {5, 17}, 10, {.heads = 2, .head_size = 32}, 0},
    {"tile edges", {14, 15, 16, 31, 32, 33}, 3, {.heads = 2, .head_size = 32}, 0},
    {"dropout", {40, 7, 70}, 11, {.heads = 2, .head_size = 32}, 0.25f},
    {"heads of 48", {35}, 0, {.heads = 1, .head_size = 48}, 0.1f},
    {"heads of 64", {65, 3}, 0, {.heads = 2, .head_size = 64}, 0.1f},
    {"heads of 128", {20}, 4, {.heads = 1, .head_size = 128}, 0},
    {"an empty sequence", {6, 0, 9}, 1, {.heads = 1, .head_size = 32}, 0.1f},
    {"long", {530}, 0, {.heads = 1, .head_size = 16}, 0.1f},
    {"shared keys", {33, 50}, 0, {.heads = 4, .head_size = 32, .kv_heads = 2}, 0.1f},
    {"causal", {70, 20}, 0, {.heads = 2, .head_size = 32, .causal = true}, 0.1f},
    {"window", {90, 20}, 0, {.heads = 1, .head_size = 32, .window = 9}, 0},
    {"causal window, own scale",
     {120},
     2,
     {.heads = 2, .head_size = 32, .kv_heads = 1, .scale = 0.3f, .causal = true, .window = 20},
     0.1f},
};

bool sees(const AttentionShape& s, int64_t i, int64_t j) {
  if (s.causal && j > i) return false;
  return s.window == 0 || std::abs(i - j) < s.window;
}

// Forward and backward in fp64, straight from the definition.
struct Reference {
  std::vector<double> ctx, lse, dqkv;
};
template <typename T>
Reference reference(const Case& c, const Tensor<T>& qkv, const Tensor<T>& dctx,
                    const Dropout& drop) {
  const AttentionShape& s = c.shape;
  const int64_t d = s.head_size, rows = qkv.m.rows, cols = s.qkv_cols(), width = s.heads * d;
  const double scale = s.scale ? s.scale : 1 / std::sqrt(static_cast<double>(d));
  Reference ref{std::vector<double>(rows * width), std::vector<double>(s.heads * rows),
                std::vector<double>(rows * cols)};
  int64_t begin = 0;
  for (int32_t n : c.lengths) {
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t kh = h / (s.heads / s.key_heads());
      const int64_t qc = h * d, kc = (s.heads + kh) * d, vc = (s.heads + s.key_heads() + kh) * d;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t qi = begin + i;
        std::vector<double> p(n), f(n), dp(n);
        double top = -1e300, sum = 0, delta = 0;
        for (int64_t j = 0; j < n; ++j) {
          for (int64_t e = 0; e < d; ++e)
            p[j] += double(qkv.at(qi, qc + e)) * qkv.at(begin + j, kc + e);
          p[j] *= scale;
          if (sees(s, i, j)) top = std::max(top, p[j]);
          const bool kept =
              !drop.active() ||
              dropout_hash::bits16(
                  dropout_hash::row_stream(drop.row_keys[qi], drop.site, static_cast<uint32_t>(h)),
                  static_cast<uint32_t>(j)) >= drop.threshold();
          f[j] = kept ? (drop.active() ? drop.scale() : 1.0) : 0.0;
        }
        for (int64_t j = 0; j < n; ++j) {
          p[j] = sees(s, i, j) ? std::exp(p[j] - top) : 0;
          sum += p[j];
        }
        ref.lse[h * rows + qi] = top + std::log(sum);
        for (int64_t j = 0; j < n; ++j) {
          p[j] /= sum;
          for (int64_t e = 0; e < d; ++e) {
            const double v = qkv.at(begin + j, vc + e), g = dctx.at(qi, qc + e);
            ref.ctx[qi * width + qc + e] += p[j] * f[j] * v;
            dp[j] += g * v * f[j];
            ref.dqkv[(begin + j) * cols + vc + e] += p[j] * f[j] * g;
          }
          delta += p[j] * dp[j];
        }
        for (int64_t j = 0; j < n; ++j) {
          const double ds = p[j] * (dp[j] - delta) * scale;
          for (int64_t e = 0; e < d; ++e) {
            ref.dqkv[qi * cols + qc + e] += ds * qkv.at(begin + j, kc + e);
            ref.dqkv[(begin + j) * cols + kc + e] += ds * qkv.at(qi, qc + e);
          }
        }
      }
    }
    begin += n;
  }
  return ref;
}

std::vector<int32_t> offsets(const Case& c) {
  std::vector<int32_t> cu = {0};
  for (int32_t n : c.lengths) cu.push_back(cu.back() + n);
  return cu;
}

template <typename T>
class AttentionTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(AttentionTest, Types);

TYPED_TEST(AttentionTest, EqualsFp64) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const std::vector<int32_t> cu = offsets(c);
    const int64_t rows = cu.back() + c.padding, width = c.shape.heads * c.shape.head_size;
    Tensor<T> qkv(rows, c.shape.qkv_cols(), 7), dctx(rows, width, 1);
    fill_normal(qkv, 1);
    fill_normal(dctx, 2);
    const std::vector<uint64_t> keys = row_keys(rows, 3);
    const Dropout drop{c.dropout, keys.data(), 5};
    const Reference want = reference(c, qkv, dctx, drop);
    with_every_instruction_set([&] {
      Tensor<T> ctx(rows, width, 2), dqkv(rows, c.shape.qkv_cols(), 3);
      fill_normal(ctx, 8);
      fill_normal(dqkv, 9);
      std::vector<float> lse(static_cast<size_t>(c.shape.heads * rows));
      attention_forward<T>(c.shape, qkv, cu, drop, ctx, lse.data());
      attention_backward<T>(c.shape, qkv, cu, drop, ctx, lse.data(), dctx, dqkv);
      Distance d, dg;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t k = 0; k < width; ++k) d.add(ctx.at(r, k), want.ctx[r * width + k]);
        for (int64_t k = 0; k < c.shape.qkv_cols(); ++k) {
          dg.add(dqkv.at(r, k), want.dqkv[r * c.shape.qkv_cols() + k]);
        }
        if (r >= cu.back()) {
          for (int64_t k = 0; k < width; ++k) EXPECT_EQ(ctx.at(r, k), 0);
          for (int64_t k = 0; k < c.shape.qkv_cols(); ++k) EXPECT_EQ(dqkv.at(r, k), 0);
        }
      }
      EXPECT_LT(d.relative(), tolerance<T>());
      EXPECT_LT(dg.relative(), 2 * tolerance<T>());  // delta from the rounded ctx
      EXPECT_LT(relative_distance(lse, want.lse, static_cast<int64_t>(lse.size())), 1e-6);
      Tensor<T> inferred(rows, width, 2);
      attention_forward<T>(c.shape, qkv, cu, drop, inferred, nullptr);
      for (int64_t r = 0; r < rows; ++r) {
        EXPECT_EQ(0, std::memcmp(inferred.m.row(r), ctx.m.row(r), sizeof(T) * width));
      }
    });
  }
}

TYPED_TEST(AttentionTest, SameBitsForAnyThreadsAndAnyNeighbours) {
  using T = TypeParam;
  const AttentionShape shape{.heads = 3, .head_size = 32};
  const std::vector<int32_t> cu = {0, 20, 97, 130}, alone = {0, 77};
  Tensor<T> qkv(130, shape.qkv_cols()), dctx(130, 96);
  fill_normal(qkv, 1);
  fill_normal(dctx, 2);
  const std::vector<uint64_t> keys = row_keys(130, 3);
  with_every_instruction_set([&] {
    const auto run = [&](std::span<const int32_t> sequences, int64_t from, int64_t rows,
                         int64_t skip, int64_t keep) {
      const Dropout drop{0.1f, keys.data() + from, 1};
      Tensor<T> ctx(rows, 96), dqkv(rows, shape.qkv_cols());
      std::vector<float> lse(static_cast<size_t>(3 * rows));
      const Matrix<T> in = qkv.m.row_range(from, rows), g = dctx.m.row_range(from, rows);
      attention_forward<T>(shape, in, sequences, drop, ctx, lse.data());
      attention_backward<T>(shape, in, sequences, drop, ctx, lse.data(), g, dqkv);
      std::vector<char> bytes;
      append_bytes(bytes, ctx.m.row(skip), keep * 96);
      append_bytes(bytes, dqkv.m.row(skip), keep * shape.qkv_cols());
      return bytes;
    };
    expect_same_for_any_threads([&] { return run(cu, 0, 130, 0, 130); });
    EXPECT_TRUE(run(cu, 0, 130, 20, 77) == run(alone, 20, 77, 0, 77));
  });
}

}  // namespace
}  // namespace gantry
