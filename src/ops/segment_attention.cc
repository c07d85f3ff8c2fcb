#include "ops/segment_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/segment_attention_kernels.h"

namespace gantry {
namespace {

template <typename T>
const SegmentAttentionTable<T>& table() {
  return pick(isa_portable::kSegmentAttentionTable<T>, segment_attention_table_avx2<T>(),
              segment_attention_table_avx512<T>());
}

SegmentAttentionShape checked(SegmentAttentionShape s, const SegmentPlan& plan, int64_t queries,
                              int64_t q_cols, int64_t rows, int64_t kv_cols) {
  GANTRY_CHECK(s.kv_heads > 0 && s.heads % s.kv_heads == 0 && s.head_size > 0);
  GANTRY_CHECK(queries == plan.queries() && q_cols == s.heads * s.head_size);
  GANTRY_CHECK(rows == plan.rows() && kv_cols == s.kv_heads * s.head_size);
  if (s.scale == 0) s.scale = 1.0f / std::sqrt(static_cast<float>(s.head_size));
  return s;
}

// body(group, key_head). Tasks write places of their own, so that it does not matter which thread
// takes which.
template <typename Body>
void for_tasks(const SegmentPlan& plan, int64_t kv_heads, const Body& body) {
  const int64_t tasks = static_cast<int64_t>(plan.groups().size()) * kv_heads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(thread_count())
  for (int64_t i = 0; i < tasks; ++i) body(i / kv_heads, i % kv_heads);
}

// dk and dv of rows that several groups see: the groups' sums in order.
template <typename T>
void sum_partials(const SegmentBackwardCall<T>& call) {
  const auto& partials = call.plan->partials();
  const int64_t d = call.shape.head_size;
  size_t first = 0;
  while (first < partials.size()) {
    size_t last = first + 1;
    while (last < partials.size() && partials[last].segment == partials[first].segment) ++last;
    const AttentionSegment& s = call.plan->segments()[static_cast<size_t>(partials[first].segment)];
    parallel_for(s.rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t h = 0; h < call.shape.kv_heads; ++h) {
          float* sum = call.partial(partials[first].row + r, h);
          for (size_t i = first + 1; i < last; ++i) {
            const float* more = call.partial(partials[i].row + r, h);
            for (int64_t c = 0; c < 2 * d; ++c) sum[c] += more[c];
          }
          for (int64_t c = 0; c < d; ++c) {
            call.dk.row(s.row + r)[h * d + c] = from_float<T>(sum[c]);
            call.dv.row(s.row + r)[h * d + c] = from_float<T>(sum[d + c]);
          }
        }
      }
    });
    first = last;
  }
}

}  // namespace

void SegmentPlan::set(std::span<const AttentionSegment> segments,
                      std::span<const int32_t> query_positions) {
  segments_.assign(segments.begin(), segments.end());
  positions_.assign(query_positions.begin(), query_positions.end());
  rows_ = 0;
  has_children_.assign(segments_.size(), 0);
  int32_t query = 0;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const AttentionSegment& s = segments_[i];
    GANTRY_CHECK(s.parent < static_cast<int32_t>(i) && s.rows >= 0 && s.row == rows_);
    GANTRY_CHECK(s.query == query && s.queries >= 0);
    query += s.queries;
    rows_ += s.rows;
    if (s.parent >= 0) has_children_[static_cast<size_t>(s.parent)] = 1;
    const int32_t start = s.parent < 0 ? 0 : segments_[static_cast<size_t>(s.parent)].end();
    GANTRY_CHECK(s.position == start);
    for (int32_t q = s.query; q < query; ++q) {
      const int32_t p = positions_[static_cast<size_t>(q)];
      GANTRY_CHECK(p >= s.position && p < s.end());
      GANTRY_CHECK(q == s.query || p >= positions_[static_cast<size_t>(q - 1)]);
    }
  }
  GANTRY_CHECK(query == static_cast<int32_t>(positions_.size()));
  make_groups();
  make_partials();
}

int32_t SegmentPlan::shared(int a, int b) const {
  while (a != b) {  // the later of two segments is not an ancestor of the other
    int& later = a > b ? a : b;
    later = segments_[static_cast<size_t>(later)].parent;
    if (later < 0) return 0;
  }
  return segments_[static_cast<size_t>(a)].end();
}

// Groups of about as much work, enough of them to keep the threads busy.
void SegmentPlan::make_groups() {
  constexpr int64_t kGroups = 24, kPacking = 16;  // packing a key costs as much as some queries
  const auto work = [](const AttentionSegment& s) {
    return static_cast<int64_t>(s.end()) * (s.queries + kPacking);
  };
  int64_t total = 0, sum = 0;
  for (const AttentionSegment& s : segments_) total += work(s);
  groups_.clear();
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (groups_.empty() || sum * kGroups >= total) {
      groups_.push_back({.begin = static_cast<int32_t>(i)});
      sum = 0;
    }
    sum += work(segments_[i]);
    groups_.back().end = static_cast<int32_t>(i) + 1;
    groups_.back().longest = std::max(groups_.back().longest, segments_[i].end());
  }
}

void SegmentPlan::make_partials() {
  partials_.clear();
  partial_rows_ = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].partial = partial_rows_;
    const size_t first = partials_.size();
    for (int32_t i = groups_[g].begin; i < groups_[g].end; ++i) {
      for (int32_t s = i; s >= 0; s = segments_[static_cast<size_t>(s)].parent) {
        if (!shares(s)) continue;
        const bool known =
            std::any_of(partials_.begin() + static_cast<std::ptrdiff_t>(first), partials_.end(),
                        [&](const Partial& p) { return p.segment == s; });
        if (known) break;  // and so are its ancestors
        partials_.push_back({static_cast<int32_t>(g), s, partial_rows_});
        partial_rows_ += segments_[static_cast<size_t>(s)].rows;
      }
    }
  }
  std::sort(partials_.begin(), partials_.end(), [](const Partial& a, const Partial& b) {
    return a.segment != b.segment ? a.segment < b.segment : a.group < b.group;
  });
}

int64_t SegmentPlan::partial_row(int group, int segment) const {
  const auto found =
      std::lower_bound(partials_.begin(), partials_.end(), std::pair(segment, group),
                       [](const Partial& p, const std::pair<int, int>& at) {
                         return p.segment != at.first ? p.segment < at.first : p.group < at.second;
                       });
  GANTRY_CHECK(found != partials_.end() && found->segment == segment && found->group == group);
  return found->row;
}

template <typename T>
void segment_attention_forward(const SegmentAttentionShape& shape, const SegmentPlan& plan, In<T> q,
                               In<T> k, In<T> v, Matrix<T> ctx, float* lse) {
  GANTRY_CHECK(ctx.rows == q.rows && ctx.cols == q.cols && v.rows == k.rows && v.cols == k.cols);
  const SegmentForwardCall<T> call{
      checked(shape, plan, q.rows, q.cols, k.rows, k.cols), &plan, q, k, v, ctx, lse};
  const auto& kernels = table<T>();
  for_tasks(plan, shape.kv_heads,
            [&](int64_t group, int64_t head) { kernels.forward(call, group, head); });
}

template <typename T>
void segment_attention_backward(const SegmentAttentionShape& shape, const SegmentPlan& plan,
                                In<T> q, In<T> k, In<T> v, In<T> ctx, const float* lse, In<T> dctx,
                                Matrix<T> dq, Matrix<T> dk, Matrix<T> dv) {
  GANTRY_CHECK(ctx.rows == q.rows && ctx.cols == q.cols && lse);
  GANTRY_CHECK(dctx.rows == q.rows && dctx.cols == q.cols && dq.rows == q.rows &&
               dq.cols == q.cols);
  GANTRY_CHECK(v.rows == k.rows && v.cols == k.cols && dk.rows == k.rows && dk.cols == k.cols &&
               dv.rows == k.rows && dv.cols == k.cols);
  const int64_t partial_floats = plan.partial_rows() * k.cols * 2;
  float* partials = scratch<float>(Slot::kPartials, std::max<int64_t>(partial_floats, 1));
  std::memset(partials, 0, static_cast<size_t>(partial_floats) * sizeof(float));
  const SegmentBackwardCall<T> call{checked(shape, plan, q.rows, q.cols, k.rows, k.cols),
                                    &plan,
                                    q,
                                    k,
                                    v,
                                    ctx,
                                    dctx,
                                    lse,
                                    dq,
                                    dk,
                                    dv,
                                    partials};
  const auto& kernels = table<T>();
  for_tasks(plan, shape.kv_heads,
            [&](int64_t group, int64_t head) { kernels.backward(call, group, head); });
  sum_partials(call);
}

#define GANTRY_INSTANTIATE(T)                                                                   \
  template void segment_attention_forward<T>(const SegmentAttentionShape&, const SegmentPlan&,  \
                                             In<T>, In<T>, In<T>, Matrix<T>, float*);           \
  template void segment_attention_backward<T>(const SegmentAttentionShape&, const SegmentPlan&, \
                                              In<T>, In<T>, In<T>, In<T>, const float*, In<T>,  \
                                              Matrix<T>, Matrix<T>, Matrix<T>);
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
