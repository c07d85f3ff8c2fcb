// The code of segment_attention.h for one instruction set, by the tiles and the softmax of
// attention_kernels.h. A segment's keys are those of its line of ancestors, packed by position;
// what a segment shares with the one before it stays packed.
#pragma once

#include "ops/attention_kernels.h"
#include "ops/segment_attention_table.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int64_t kQueryBlock = 8 * kMr;  // queries whose scores are held at once, backward

// Keys that the query at `position` sees.
GANTRY_INLINE KeyRange seen_at(const SegmentAttentionShape& s, int64_t position) {
  const int64_t first = s.window > 0 ? std::max<int64_t>(0, position - s.window + 1) : 0;
  return {first, position + 1};
}
GANTRY_INLINE KeyRange seen_between(const SegmentAttentionShape& s, int64_t first, int64_t last) {
  return {seen_at(s, first).first / kKeyPad * kKeyPad, round_up(last + 1, kKeyPad)};
}
GANTRY_INLINE QueryPair segment_pair(const SegmentAttentionShape& s, const int32_t* positions,
                                     int64_t query, int64_t last) {
  QueryPair pair;
  for (int i = 0; i < 2; ++i) pair.seen[i] = seen_at(s, positions[std::min(query + i, last - 1)]);
  return pair;
}

// body(position, row, rows) for each piece of the line of ancestors of a segment that lies at or
// behind `from`, in no order.
template <typename Body>
GANTRY_INLINE void for_line(const SegmentPlan& plan, int segment, int64_t from, const Body& body) {
  for (int s = segment; s >= 0; s = plan.segments()[static_cast<size_t>(s)].parent) {
    const AttentionSegment& piece = plan.segments()[static_cast<size_t>(s)];
    const int64_t begin = std::max<int64_t>(from, piece.position);
    if (begin < piece.end()) {
      body(s, begin, piece.row + begin - piece.position, piece.end() - begin);
    }
    if (piece.position <= from) return;
  }
}

// One head of k or v of a line of ancestors, packed by position.
template <typename T>
struct LinePanels {
  const SegmentPlan& plan;
  Matrix<const T> x;  // the head's columns
  int64_t keys;       // room: a multiple of kKeyPad
  int64_t depth;      // x.cols, padded to 16
  T* rows;            // [kNr][x.cols] for panels of several pieces

  // [key / kNr][depth][kNr]: rows are columns (Q K^T).
  void transposed(int segment, int64_t from, float* panels) const {
    const int64_t end = plan.segments()[static_cast<size_t>(segment)].end();
    for (int64_t key = from; key < round_up(end, kKeyPad); key += kNr) {
      const int64_t live = std::clamp<int64_t>(end - key, 0, kNr);
      const T* source = nullptr;
      for_line(plan, segment, key, [&](int, int64_t at, int64_t row, int64_t n) {
        if (at == key && n >= live) source = x.row(row);
      });
      if (source) {
        pack_transposed<false>(source, x.ld, live, x.cols, depth, panels + key * depth);
        continue;
      }
      for_line(plan, segment, key, [&](int, int64_t at, int64_t row, int64_t n) {
        for (int64_t i = 0; i < n && at + i < key + kNr; ++i) {
          std::memcpy(rows + (at + i - key) * x.cols, x.row(row + i),
                      static_cast<size_t>(x.cols) * sizeof(T));
        }
      });
      pack_transposed<false>(rows, x.cols, live, x.cols, depth, panels + key * depth);
    }
  }

  // [column / kNr][keys][kNr]: rows run along k (P V).
  void across(int segment, int64_t from, float* panels) const {
    const int64_t end = plan.segments()[static_cast<size_t>(segment)].end();
    const int64_t padded = round_up(end, kKeyPad);
    for (int64_t column = 0; column < x.cols; column += kNr) {
      float* panel = panels + column * keys;
      for_line(plan, segment, from, [&](int, int64_t at, int64_t row, int64_t n) {
        pack_panel<false>(x.row(row) + column, x.ld, n, n, x.cols - column, panel + at * kNr);
      });
      std::memset(panel + end * kNr, 0, static_cast<size_t>((padded - end) * kNr) * sizeof(float));
    }
  }
};

template <typename T>
void segment_forward_task(const SegmentForwardCall<T>& call, int64_t group, int64_t key_head) {
  const SegmentAttentionShape& s = call.shape;
  const SegmentPlan::Group& g = call.plan->groups()[static_cast<size_t>(group)];
  const int64_t d = s.head_size, depth = round_up(d, kChunk), columns = round_up(d, kNr);
  const int64_t keys = round_up(g.longest, kKeyPad), stride = kMr * kChunk;
  const int64_t heads = s.heads / s.kv_heads;
  float* k_panels = scratch<float>(Slot::kPanel, keys * (depth + columns));
  float* v_panels = k_panels + keys * depth;
  float* scores = scratch<float>(Slot::kScores, keys * kMr);
  float* q_rows = scratch<float>(Slot::kRows, depth * kMr + kNr * d);
  T* rows = reinterpret_cast<T*>(q_rows + depth * kMr);
  const LinePanels<T> k{*call.plan, call.k.col_range(key_head * d, d), keys, depth, rows};
  const LinePanels<T> v{*call.plan, call.v.col_range(key_head * d, d), keys, depth, rows};
  int before = -1;
  for (int segment = g.begin; segment < g.end; ++segment) {
    const AttentionSegment& at = call.plan->segments()[static_cast<size_t>(segment)];
    if (at.queries == 0) continue;
    const int64_t from = before < 0 ? 0 : call.plan->shared(before, segment) / kKeyPad * kKeyPad;
    before = segment;
    k.transposed(segment, from, k_panels);
    v.across(segment, from, v_panels);
    const int32_t* positions = call.plan->query_positions().data() + at.query;
    for (int64_t head = key_head * heads; head < (key_head + 1) * heads; ++head) {
      for (int64_t q = 0; q < at.queries; q += kMr) {
        const int64_t live = std::min<int64_t>(kMr, at.queries - q);
        const KeyRange range = seen_between(s, positions[q], positions[q + live - 1]);
        pack_rows<false>(call.q.row(at.query + q) + head * d, call.q.ld, live, kMr, d, stride,
                         q_rows);
        score_tiles(q_rows, k_panels, depth, range, 0, stride, scores);
        float inverse[kMr];
        for (int64_t r = 0; r < live; r += 2) {
          const QueryPair pair = segment_pair(s, positions, q + r, at.queries);
          const SoftmaxPair m = softmax_rows<false>(scores, stride, r, range, pair, s.scale);
          for (int64_t i = 0; i < 2; ++i) {
            inverse[r + i] = 1.0f / m.sum[i];
            if (!call.lse || r + i >= live) continue;
            call.lse[head * call.q.rows + at.query + q + r + i] = m.top[i] + std::log(m.sum[i]);
          }
        }
        weigh_values(scores, stride, range, v_panels, keys, d, live, inverse,
                     call.ctx.row(at.query + q) + head * d, call.ctx.ld);
      }
    }
  }
}

// Gradients of the keys and values of a line of ancestors, by position: [keys][columns] each.
template <typename T>
struct LineGradients {
  const SegmentBackwardCall<T>& call;
  int64_t group, key_head, columns;
  float *dk, *dv;

  void clear(int64_t from, int64_t to) const {
    for (float* g : {dk, dv}) {
      std::memset(g + from * columns, 0,
                  static_cast<size_t>((to - from) * columns) * sizeof(float));
    }
  }
  // Hands over what lies at or behind `from` of the line of a segment: rows of segments with
  // children go to the group's partial sums, the others are whole.
  void hand_over(int segment, int64_t from) const {
    const int64_t d = call.shape.head_size;
    for_line(*call.plan, segment, from, [&](int owner, int64_t at, int64_t row, int64_t n) {
      if (!call.plan->shares(owner)) {
        store_rows(dk + at * columns, columns, n, d, call.dk.row(row) + key_head * d, call.dk.ld);
        store_rows(dv + at * columns, columns, n, d, call.dv.row(row) + key_head * d, call.dv.ld);
        return;
      }
      const AttentionSegment& s = call.plan->segments()[static_cast<size_t>(owner)];
      const int64_t first =
          call.plan->partial_row(static_cast<int>(group), owner) + at - s.position;
      for (int64_t i = 0; i < n; ++i) {
        float* to = call.partial(first + i, key_head);
        for_lanes(d, [&](int64_t c, auto lanes) {
          lanes.store(to + c, lanes.load(to + c) + lanes.load(dk + (at + i) * columns + c));
          lanes.store(to + d + c, lanes.load(to + d + c) + lanes.load(dv + (at + i) * columns + c));
        });
      }
    });
  }
};

// The panels and buffers of a backward task.
template <typename T>
struct SegmentBackward {
  const SegmentBackwardCall<T>& call;
  int64_t key_head, keys, depth, columns;
  float *k_panels, *v_panels, *k_across, *q_across, *g_across, *scores, *gradients, *q_rows,
      *g_rows;
  LineGradients<T> line;
  static constexpr int64_t kStride = kQueryBlock * kChunk;

  // Scores and their gradients of one tile of queries, and dq.
  void tile(const AttentionSegment& at, const int32_t* positions, int64_t head, int64_t block,
            int64_t q, KeyRange of_block) const {
    const SegmentAttentionShape& s = call.shape;
    const int64_t d = s.head_size, live = std::min<int64_t>(kMr, at.queries - q), local = q - block;
    const KeyRange range = seen_between(s, positions[q], positions[q + live - 1]);
    const int64_t row = at.query + q, column0 = head * d;
    pack_rows<false>(call.q.row(row) + column0, call.q.ld, live, kMr, d, kMr * kChunk, q_rows);
    pack_rows<false>(call.dctx.row(row) + column0, call.dctx.ld, live, kMr, d, kMr * kChunk,
                     g_rows);
    score_tiles(q_rows, k_panels, depth, range, local, kStride, scores);
    score_tiles(g_rows, v_panels, depth, range, local, kStride, gradients);
    for (int64_t key = of_block.first; key < of_block.last; key += kChunk) {  // seen by others only
      if (key >= range.first && key < range.last) continue;
      std::memset(scores + key / kChunk * kStride + local * kChunk, 0,
                  kMr * kChunk * sizeof(float));
      std::memset(gradients + key / kChunk * kStride + local * kChunk, 0,
                  kMr * kChunk * sizeof(float));
    }
    for (int64_t r = 0; r < live; r += 2) {
      const QueryPair pair = segment_pair(s, positions, q + r, at.queries);
      float lse[2], delta[2];
      for (int64_t i = 0; i < 2; ++i) {
        const int64_t of = std::min<int64_t>(row + r + i, at.query + at.queries - 1);
        lse[i] = call.lse[head * call.q.rows + of];
        delta[i] = dot(call.dctx.row(of) + column0, call.ctx.row(of) + column0, d);
      }
      score_gradients<false>(scores, gradients, kStride, local + r, range, pair, s.scale, lse,
                             delta);
    }
    for (int64_t column = 0; column < d; column += kNr) {
      Tile<kMr> sums;
      sums.clear();
      sums.template run_by_rows<false>(gradients + range.first / kChunk * kStride + local * kChunk,
                                       kStride, k_across + column * keys + range.first * kNr,
                                       (range.last - range.first) / kChunk);
      alignas(64) float out[kMr * kNr];
      sums.store(out, kNr);
      store_rows(out, kNr, live, std::min<int64_t>(kNr, d - column),
                 call.dq.row(row) + column0 + column, call.dq.ld);
    }
  }

  void head(const AttentionSegment& at, const int32_t* positions, int64_t head) const {
    const int64_t d = call.shape.head_size;
    for (int64_t block = 0; block < at.queries; block += kQueryBlock) {
      const int64_t last = std::min<int64_t>(at.queries, block + kQueryBlock), n = last - block;
      const KeyRange range = seen_between(call.shape, positions[block], positions[last - 1]);
      for (int64_t column = 0; column < d; column += kNr) {
        pack_panel<false>(call.q.row(at.query + block) + head * d + column, call.q.ld, n, n,
                          d - column, q_across + column * kQueryBlock);
        pack_panel<false>(call.dctx.row(at.query + block) + head * d + column, call.dctx.ld, n, n,
                          d - column, g_across + column * kQueryBlock);
      }
      for (int64_t q = block; q < last; q += kMr) tile(at, positions, head, block, q, range);
      const int64_t from = range.first / kChunk * kStride, rows = range.last - range.first;
      add_over_queries(gradients + from, kStride, q_across, kQueryBlock, n, rows, columns,
                       line.dk + range.first * columns);
      add_over_queries(scores + from, kStride, g_across, kQueryBlock, n, rows, columns,
                       line.dv + range.first * columns);
    }
  }
};

template <typename T>
void segment_backward_task(const SegmentBackwardCall<T>& call, int64_t group, int64_t key_head) {
  const SegmentAttentionShape& s = call.shape;
  const SegmentPlan& plan = *call.plan;
  const SegmentPlan::Group& g = plan.groups()[static_cast<size_t>(group)];
  const int64_t d = s.head_size, depth = round_up(d, kChunk), columns = round_up(d, kNr);
  const int64_t keys = round_up(g.longest, kKeyPad), heads = s.heads / s.kv_heads;
  float* panels =
      scratch<float>(Slot::kPanel, keys * (2 * depth + columns) + 2 * kQueryBlock * columns);
  float* scores = scratch<float>(Slot::kScores, 2 * keys * kQueryBlock);
  float* rows = scratch<float>(Slot::kRows, 2 * depth * kMr + kNr * d);
  float* sums = scratch<float>(Slot::kGradients, 2 * keys * columns);
  float* k_across = panels + 2 * keys * depth;
  const SegmentBackward<T> work{call,
                                key_head,
                                keys,
                                depth,
                                columns,
                                panels,
                                panels + keys * depth,
                                k_across,
                                k_across + keys * columns,
                                k_across + keys * columns + kQueryBlock * columns,
                                scores,
                                scores + keys * kQueryBlock,
                                rows,
                                rows + depth * kMr,
                                {call, group, key_head, columns, sums, sums + keys * columns}};
  T* row_buffer = reinterpret_cast<T*>(rows + 2 * depth * kMr);
  const LinePanels<T> k{plan, call.k.col_range(key_head * d, d), keys, depth, row_buffer};
  const LinePanels<T> v{plan, call.v.col_range(key_head * d, d), keys, depth, row_buffer};
  int before = -1;
  for (int segment = g.begin; segment < g.end; ++segment) {
    const AttentionSegment& at = plan.segments()[static_cast<size_t>(segment)];
    const int64_t shared = before < 0 ? 0 : plan.shared(before, segment);
    if (before >= 0) work.line.hand_over(before, shared);
    work.line.clear(shared, round_up(at.end(), kKeyPad));
    before = segment;
    const int64_t from = shared / kKeyPad * kKeyPad;
    k.transposed(segment, from, work.k_panels);
    k.across(segment, from, work.k_across);
    v.transposed(segment, from, work.v_panels);
    const int32_t* positions = plan.query_positions().data() + at.query;
    for (int64_t head = key_head * heads; head < (key_head + 1) * heads && at.queries > 0; ++head) {
      work.head(at, positions, head);
    }
  }
  if (before >= 0) work.line.hand_over(before, 0);
}

template <typename T>
constexpr SegmentAttentionTable<T> kSegmentAttentionTable = {segment_forward_task<T>,
                                                             segment_backward_task<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
