// The code of paged_attention.h for one instruction set.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/paged_attention_table.h"
#include "ops/scratch.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int kPageVectors = static_cast<int>(kPagePositions) / kLanes;
#if defined(__AVX512BF16__)
constexpr int kMaxQueries = 4;
#else
constexpr int kMaxQueries = 2;
#endif
constexpr int kValueVectors = 4;  // of a value row that are summed at once

// A head of a row: it sees positions [begin, end).
struct Query {
  const float* q;
  float* out;
  float* scores;  // of position p at [p]
  int64_t begin, end;
  float inverse_sum;
};

template <int kQueries>
GANTRY_INLINE void scores_of_page(const Query* queries, const float* keys, int64_t head_size,
                                  int64_t position) {
  for (int v = 0; v < kPageVectors; ++v) {
    VF even[kQueries], odd[kQueries];
    for (int i = 0; i < kQueries; ++i) even[i] = odd[i] = zero();
    for (int64_t d = 0; d < head_size; d += 2) {
      const VF k0 = load(keys + d * kPagePositions + v * kLanes);
      const VF k1 = load(keys + (d + 1) * kPagePositions + v * kLanes);
      for (int i = 0; i < kQueries; ++i) {
        even[i] = fma(set1(queries[i].q[d]), k0, even[i]);
        odd[i] = fma(set1(queries[i].q[d + 1]), k1, odd[i]);
      }
    }
    for (int i = 0; i < kQueries; ++i) {
      store(queries[i].scores + position + v * kLanes, even[i] + odd[i]);
    }
  }
}

// Scores to weights, not yet divided by their sum; 0 in [from, begin) and [end, to).
GANTRY_INLINE void soften(Query& query, float scale, int64_t from, int64_t to) {
  float* s = query.scores;
  const int64_t n = query.end - query.begin, whole = n / kLanes * kLanes;
  VF top = set1(-3e38f);
  for (int64_t i = 0; i < whole; i += kLanes) top = max(top, load(s + query.begin + i));
  float highest = reduce_max(top);
  for (int64_t i = query.begin + whole; i < query.end; ++i) highest = std::max(highest, s[i]);
  VF sum = zero();
  for_lanes(n, [&](int64_t i, auto lanes) {
    const VF p = lanes.live(exp((lanes.load(s + query.begin + i) - set1(highest)) * set1(scale)));
    lanes.store(s + query.begin + i, p);
    sum = sum + p;
  });
  query.inverse_sum = 1.0f / reduce_add(sum);
  std::fill(s + from, s + query.begin, 0.0f);
  std::fill(s + query.end, s + to, 0.0f);
}

template <int kQueries, int kVectors>
GANTRY_INLINE void weighted_values(Query* queries, std::span<const PageRun> runs, int64_t values_at,
                                   int64_t stride, int64_t first, int64_t head_size, int64_t from,
                                   int64_t to) {
  VF sum[kQueries][kVectors];
  for (auto& of_query : sum) {
    for (VF& x : of_query) x = zero();
  }
  for (const PageRun& run : runs) {
    const int64_t begin = std::max<int64_t>(from, run.position);
    const int64_t end = std::min<int64_t>(to, run.position + run.count);
    const float* values = run.page + values_at + first;
    for (int64_t p = begin; p < end; ++p) {
      const float* row = values + (p - run.position) * stride;
      VF v[kVectors];
      for (int i = 0; i < kVectors; ++i) v[i] = load(row + i * kLanes);
      for (int i = 0; i < kQueries; ++i) {
        const VF weight = set1(queries[i].scores[p]);
        for (int j = 0; j < kVectors; ++j) sum[i][j] = fma(weight, v[j], sum[i][j]);
      }
    }
  }
  for (int i = 0; i < kQueries; ++i) {
    const VF inverse = set1(queries[i].inverse_sum);
    for (int j = 0; j < kVectors; ++j) {
      const int64_t column = first + j * kLanes,
                    live = std::min<int64_t>(kLanes, head_size - column);
      if (live == kLanes) {
        store(queries[i].out + column, sum[i][j] * inverse);
      } else if (live > 0) {
        store_n(queries[i].out + column, sum[i][j] * inverse, live);
      }
    }
  }
}

template <int kQueries>
void attend(Query* queries, const PagedAttentionCall& call, std::span<const PageRun> runs,
            int64_t head_at) {
  const int64_t head_size = call.shape.head_size, stride = call.shape.value_stride();
  int64_t from = queries[0].begin, to = queries[0].end;
  for (int i = 1; i < kQueries; ++i) {
    from = std::min(from, queries[i].begin);
    to = std::max(to, queries[i].end);
  }
  for (const PageRun& run : runs) {
    if (run.position + run.count <= from || run.position >= to) continue;
    scores_of_page<kQueries>(queries, run.page + head_at, head_size, run.position);
  }
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  for (int i = 0; i < kQueries; ++i) soften(queries[i], scale, from, to);
  const int64_t values_at = head_at + call.shape.key_floats();
  int64_t first = 0;
  for (; first + kValueVectors * kLanes <= stride; first += kValueVectors * kLanes) {
    weighted_values<kQueries, kValueVectors>(queries, runs, values_at, stride, first, head_size,
                                             from, to);
  }
  for (; first < stride; first += kLanes) {
    weighted_values<kQueries, 1>(queries, runs, values_at, stride, first, head_size, from, to);
  }
}

void attention_heads(const PagedAttentionCall& call, const AttentionSpan& span, int64_t head,
                     int64_t heads) {
  const PageShape& shape = call.shape;
  const int64_t kv_head = head / (shape.heads / shape.kv_heads);
  const int64_t head_at = call.layer * shape.layer_floats() + kv_head * shape.head_floats();
  const PageRun& last_run = span.runs.back();
  const int64_t length = last_run.position + last_run.count + kPagePositions;
  float* scores = scratch<float>(Slot::kScores, kMaxQueries * length);
  const int64_t count = span.rows * heads;
  for (int64_t first = 0; first < count; first += kMaxQueries) {
    const int live = static_cast<int>(std::min<int64_t>(kMaxQueries, count - first));
    Query queries[kMaxQueries];
    for (int i = 0; i < live; ++i) {
      const int64_t row = span.row + (first + i) / heads, h = head + (first + i) % heads;
      const int64_t position = call.positions[static_cast<size_t>(row)];
      const int64_t begin = call.window > 0 ? std::max<int64_t>(0, position - call.window + 1) : 0;
      queries[i] = {call.q.row(row) + h * shape.head_size,
                    call.out.row(row) + h * shape.head_size,
                    scores + i * length,
                    begin,
                    position + 1,
                    0};
    }
    switch (live) {
      case 1:
        attend<1>(queries, call, span.runs, head_at);
        break;
      case 2:
        attend<2>(queries, call, span.runs, head_at);
        break;
#if defined(__AVX512BF16__)
      case 3:
        attend<3>(queries, call, span.runs, head_at);
        break;
      default:
        attend<4>(queries, call, span.runs, head_at);
#endif
    }
  }
}

constexpr PagedAttentionTable kPagedAttentionTable = {attention_heads};

}  // namespace
}  // namespace gantry::GANTRY_ISA
