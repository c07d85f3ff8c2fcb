#include "ops/segment_attention.h"

#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

struct Piece {
  int parent, rows;
  std::vector<int> queries = {-1};  // offsets within the segment; {-1}: all of them
};
struct Case {
  const char* name;
  SegmentAttentionShape shape;
  std::vector<Piece> pieces;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"one token", {.heads = 1, .kv_heads = 1, .head_size = 16}, {{-1, 1}}},
      {"heads of 8", {.heads = 4, .kv_heads = 2, .head_size = 8}, {{-1, 37}, {-1, 5}}},
      {"tile edges",
       {.heads = 2, .kv_heads = 2, .head_size = 32},
       {{-1, 14}, {-1, 15}, {-1, 31}, {-1, 32}, {-1, 33}}},
      {"long", {.heads = 1, .kv_heads = 1, .head_size = 24}, {{-1, 300}}},
      {"shared instruction",
       {.heads = 3, .kv_heads = 1, .head_size = 64},
       {{-1, 45}, {0, 20}, {0, 33}, {0, 64}, {0, 1}, {0, 90}}},
      {"tree, not depth first, empty pieces",
       {.heads = 4, .kv_heads = 2, .head_size = 32},
       {{-1, 20}, {0, 30}, {0, 41}, {1, 5}, {2, 6}, {1, 7}, {3, 0}, {6, 9}, {-1, 12}, {8, 3}}},
      {"window across segments",
       {.heads = 2, .kv_heads = 1, .head_size = 16, .scale = 0.3f, .window = 11},
       {{-1, 25}, {0, 30}, {0, 8}, {2, 60}}},
      {"some queries only",
       {.heads = 2, .kv_heads = 1, .head_size = 128},
       {{-1, 40, {}}, {0, 50, {30, 31, 49}}, {0, 20, {}}, {2, 17, {0, 0, 16}}, {-1, 5, {4}}}},
  };
  return all;
}

struct Tree {
  std::vector<AttentionSegment> segments;
  std::vector<int32_t> positions;
  std::vector<int64_t> query_segment;
  SegmentPlan plan;
  explicit Tree(const std::vector<Piece>& pieces) {
    int32_t row = 0;
    for (const Piece& p : pieces) {
      AttentionSegment s{.parent = p.parent,
                         .row = row,
                         .rows = p.rows,
                         .position = p.parent < 0 ? 0 : segments[p.parent].end(),
                         .query = static_cast<int32_t>(positions.size())};
      row += p.rows;
      std::vector<int> queries = p.queries;
      if (queries == std::vector<int>{-1}) {
        queries.clear();
        for (int i = 0; i < p.rows; ++i) queries.push_back(i);
      }
      for (int q : queries) {
        positions.push_back(s.position + q);
        query_segment.push_back(static_cast<int64_t>(segments.size()));
      }
      s.queries = static_cast<int32_t>(queries.size());
      segments.push_back(s);
    }
    plan.set(segments, positions);
  }
  // Rows that query i sees, by the definition.
  std::vector<int64_t> seen(int64_t i, int64_t window) const {
    std::vector<int64_t> rows;
    for (int s = static_cast<int>(query_segment[i]); s >= 0; s = segments[s].parent) {
      for (int32_t r = 0; r < segments[s].rows; ++r) {
        const int32_t p = segments[s].position + r;
        if (p > positions[i] || (window > 0 && positions[i] - p >= window)) continue;
        rows.push_back(segments[s].row + r);
      }
    }
    return rows;
  }
};

struct Want {
  std::vector<double> ctx, lse, dq, dk, dv;
};
template <typename T>
Want reference(const Case& c, const Tree& tree, const Tensor<T>& q, const Tensor<T>& k,
               const Tensor<T>& v, const Tensor<T>& g) {
  const SegmentAttentionShape& s = c.shape;
  const int64_t d = s.head_size, n = q.m.rows, rows = k.m.rows, qc = s.heads * d,
                kc = s.kv_heads * d;
  const double scale = s.scale ? s.scale : 1 / std::sqrt(double(d));
  Want w{std::vector<double>(n * qc), std::vector<double>(s.heads * n), std::vector<double>(n * qc),
         std::vector<double>(rows * kc), std::vector<double>(rows * kc)};
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<int64_t> seen = tree.seen(i, s.window);
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t ho = h * d, ko = h / (s.heads / s.kv_heads) * d;
      std::vector<double> p;
      double top = -1e300, sum = 0, delta = 0;
      for (int64_t r : seen) {
        double x = 0;
        for (int64_t e = 0; e < d; ++e) x += double(q.at(i, ho + e)) * k.at(r, ko + e);
        p.push_back(x * scale);
        top = std::max(top, p.back());
      }
      for (double& x : p) sum += x = std::exp(x - top);
      w.lse[h * n + i] = top + std::log(sum);
      std::vector<double> dp(p.size());
      for (size_t j = 0; j < p.size(); ++j) {
        p[j] /= sum;
        for (int64_t e = 0; e < d; ++e) {
          w.ctx[i * qc + ho + e] += p[j] * v.at(seen[j], ko + e);
          w.dv[seen[j] * kc + ko + e] += p[j] * g.at(i, ho + e);
          dp[j] += double(g.at(i, ho + e)) * v.at(seen[j], ko + e);
        }
        delta += p[j] * dp[j];
      }
      for (size_t j = 0; j < p.size(); ++j) {
        const double ds = p[j] * (dp[j] - delta) * scale;
        for (int64_t e = 0; e < d; ++e) {
          w.dq[i * qc + ho + e] += ds * k.at(seen[j], ko + e);
          w.dk[seen[j] * kc + ko + e] += ds * q.at(i, ho + e);
        }
      }
    }
  }
  return w;
}

template <typename T>
double distance(const Tensor<T>& got, const std::vector<double>& want) {
  Distance d;
  for (int64_t r = 0; r < got.m.rows; ++r) {
    for (int64_t c = 0; c < got.m.cols; ++c) d.add(got.at(r, c), want[r * got.m.cols + c]);
  }
  return d.relative();
}

template <typename T>
class SegmentAttentionTest : public testing::Test {};
using Types = testing::Types<float, bf16>;
TYPED_TEST_SUITE(SegmentAttentionTest, Types);

TYPED_TEST(SegmentAttentionTest, EqualsFp64) {
  using T = TypeParam;
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Tree tree(c.pieces);
    const int64_t n = tree.plan.queries(), rows = tree.plan.rows();
    const int64_t qc = c.shape.heads * c.shape.head_size, kc = c.shape.kv_heads * c.shape.head_size;
    Tensor<T> q(n, qc, 3), k(rows, kc, 7), v(rows, kc, 1), g(n, qc);
    fill_normal(q, 1);
    fill_normal(k, 2);
    fill_normal(v, 3);
    fill_normal(g, 4);
    const Want want = reference(c, tree, q, k, v, g);
    with_every_instruction_set([&] {
      Tensor<T> ctx(n, qc, 1), dq(n, qc, 2), dk(rows, kc, 3), dv(rows, kc);
      fill_normal(dk, 8);
      fill_normal(dv, 9);
      std::vector<float> lse(static_cast<size_t>(c.shape.heads * n));
      segment_attention_forward<T>(c.shape, tree.plan, q, k, v, ctx, lse.data());
      segment_attention_backward<T>(c.shape, tree.plan, q, k, v, ctx, lse.data(), g, dq, dk, dv);
      EXPECT_LT(distance(ctx, want.ctx), tolerance<T>());
      EXPECT_LT(relative_distance(lse, want.lse, static_cast<int64_t>(lse.size())), 1e-6);
      if (rows > 1) {  // one row: the gradients of q and k are 0 but for rounding
        EXPECT_LT(distance(dq, want.dq), 3 * tolerance<T>());  // delta from the rounded ctx
        EXPECT_LT(distance(dk, want.dk), 3 * tolerance<T>());
      }
      EXPECT_LT(distance(dv, want.dv), 2 * tolerance<T>());
    });
  }
}

// A line of ancestors gives the bits that it gives as one sequence; threads change nothing.
TYPED_TEST(SegmentAttentionTest, SegmentsAreAsOneSequence) {
  using T = TypeParam;
  const SegmentAttentionShape shape{.heads = 2, .kv_heads = 1, .head_size = 32, .window = 50};
  const Tree tree({{-1, 45}, {0, 20}, {0, 33}, {2, 70}}), alone({{-1, 148}});
  Tensor<T> q(168, 64), k(168, 32), v(168, 32), q1(148, 64), k1(148, 32), v1(148, 32);
  fill_normal(q, 1);
  fill_normal(k, 2);
  fill_normal(v, 3);
  const auto take = [](const Tensor<T>& from, Tensor<T>& to) {
    for (int64_t r = 0; r < 148; ++r) {
      std::memcpy(to.m.row(r), from.m.row(r < 45 ? r : r + 20), sizeof(T) * to.m.cols);
    }
  };
  take(q, q1);
  take(k, k1);
  take(v, v1);
  with_every_instruction_set([&] {
    Tensor<T> ctx(168, 64), one(148, 64), same(148, 64);
    segment_attention_forward<T>(shape, alone.plan, q1, k1, v1, one, nullptr);
    const auto run = [&] {
      segment_attention_forward<T>(shape, tree.plan, q, k, v, ctx, nullptr);
      std::vector<float> lse(2 * 168);
      segment_attention_forward<T>(shape, tree.plan, q, k, v, ctx, lse.data());
      Tensor<T> dq(168, 64), dk(168, 32), dv(168, 32);
      segment_attention_backward<T>(shape, tree.plan, q, k, v, ctx, lse.data(), q, dq, dk, dv);
      std::vector<char> bytes;
      append_bytes(bytes, ctx.m.data, 168 * 64);
      append_bytes(bytes, dq.m.data, 168 * 64);
      append_bytes(bytes, dk.m.data, 168 * 32);
      append_bytes(bytes, dv.m.data, 168 * 32);
      return bytes;
    };
    expect_same_for_any_threads(run);
    take(ctx, same);
    Distance d;
    for (int64_t r = 0; r < 148; ++r) {
      for (int64_t c = 0; c < 64; ++c) d.add(same.at(r, c), one.at(r, c));
    }
    EXPECT_LT(d.relative(), sizeof(T) == 4 ? 2e-7 : 1e-4);  // tiles end elsewhere
  });
}

}  // namespace
}  // namespace gantry
