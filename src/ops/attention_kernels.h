// The code of attention.h for one instruction set: tiles of gemm_simd.h in fp32, softmax and
// dropout in between.
//
// Scores lie as [chunk of 16 keys][query][16]. That one layout is what a tile stores, what a row of
// softmax reads, what P V and dS K take as "A by rows" and what dS^T Q and P^T dO take as "A by k",
// so that nothing is ever transposed but K and V on their way in.
#pragma once

#include <algorithm>

#include "ops/attention_table.h"
#include "ops/dropout_simd.h"
#include "ops/gemm_simd.h"
#include "ops/scratch.h"

namespace gantry::GANTRY_ISA {
namespace {

constexpr int64_t kKeyPad = kNr > kChunk ? kNr : kChunk;
constexpr int kKeyRows = kLanes == 16 ? 8 : 4;  // keys of a tile of dK and dV; divides kChunk

GANTRY_INLINE float* score_at(float* scores, int64_t stride, int64_t query, int64_t key) {
  return scores + key / kChunk * stride + query * kChunk + key % kChunk;
}

// Keys [first, last), multiples of kKeyPad, that some query of [begin, end) may see.
struct KeyRange {
  int64_t first, last;
};
GANTRY_INLINE KeyRange visible_keys(const AttentionShape& s, int64_t begin, int64_t end,
                                    int64_t keys) {
  int64_t first = 0, last = keys;
  if (s.causal) last = std::min(last, end);
  if (s.window > 0) {
    first = std::max<int64_t>(0, begin - s.window + 1);
    last = std::min(last, end + s.window - 1);
  }
  return {first / kKeyPad * kKeyPad, round_up(last, kKeyPad)};
}
// Keys that the query itself sees.
GANTRY_INLINE KeyRange seen_by(const AttentionShape& s, int64_t query, int64_t length) {
  int64_t first = 0, last = length;
  if (s.causal) last = query + 1;
  if (s.window > 0) {
    first = std::max<int64_t>(0, query - s.window + 1);
    last = std::min(last, query + s.window);
  }
  return {first, last};
}

// Lanes whose key is in [first, last).
GANTRY_INLINE VF keep_seen(VF x, int64_t key, KeyRange seen, VF otherwise) {
  if (key >= seen.first && key + kLanes <= seen.last) return x;
  const VI index = iota() + iset1(static_cast<uint32_t>(key));
  x = select(ilt(index, iset1(static_cast<uint32_t>(seen.last))), x, otherwise);
  return select(ilt(index, iset1(static_cast<uint32_t>(seen.first))), otherwise, x);
}

// Scores of kMr queries (packed by rows in `a`) with the keys of a range; panels of k transposed.
GANTRY_INLINE void score_tiles(const float* a, const float* panels, int64_t depth, KeyRange keys,
                               int64_t query, int64_t stride, float* scores) {
  for (int64_t key = keys.first; key < keys.last; key += kNr) {
    Tile<kMr> tile;
    tile.clear();
    tile.template run_by_rows<false>(a, kMr * kChunk, panels + key * depth, depth / kChunk);
#pragma GCC unroll 16
    for (int r = 0; r < kMr; ++r) {
      for (int v = 0; v < kNv; ++v) {
        store(score_at(scores, stride, query + r, key + v * kLanes), tile.sum[r][v]);
      }
    }
  }
}

// Two neighbouring queries go through the elementwise work together, two vectors of keys each: four
// chains of an exponential side by side. A query behind the last live one repeats that one's
// limits; its results are never used.
using Four = Wide<4>;

struct QueryPair {
  KeyRange seen[2];
  DropoutRow drop[2];

  GANTRY_INLINE bool all_seen(int64_t key) const {
    return key >= seen[0].first && key >= seen[1].first && key + 2 * kLanes <= seen[0].last &&
           key + 2 * kLanes <= seen[1].last;
  }
  GANTRY_INLINE Four keep(Four x, int64_t key, VF otherwise) const {
    if (all_seen(key)) return x;
    for (int i = 0; i < 4; ++i) {
      x.v[i] = keep_seen(x.v[i], key + i % 2 * kLanes, seen[i / 2], otherwise);
    }
    return x;
  }
  GANTRY_INLINE Four factors(int64_t key) const {
    Four f;
    drop[0].factors(static_cast<uint32_t>(key), f.v[0], f.v[1]);
    drop[1].factors(static_cast<uint32_t>(key), f.v[2], f.v[3]);
    return f;
  }
};

GANTRY_INLINE QueryPair query_pair(const AttentionShape& s, const Dropout& dropout,
                                   int64_t row_begin, int64_t length, int64_t query, int64_t head) {
  QueryPair pair;
  for (int i = 0; i < 2; ++i) {
    const int64_t q = std::min(query + i, length - 1);
    pair.seen[i] = seen_by(s, q, length);
    if (dropout.active()) {
      pair.drop[i] = dropout_row(dropout, row_begin + q, static_cast<uint32_t>(head));
    }
  }
  return pair;
}

GANTRY_INLINE Four load_scores(const float* at, int64_t stride) {  // at: score_at(query, key)
  constexpr int64_t half = kLanes % kChunk;                        // 0: a chunk is one vector
  const int64_t next = half ? half : stride;
  Four x;
  x.v[0] = load(at);
  x.v[1] = load(at + next);
  x.v[2] = load(at + kChunk);
  x.v[3] = load(at + kChunk + next);
  return x;
}
GANTRY_INLINE void store_scores(float* at, int64_t stride, Four x) {
  constexpr int64_t half = kLanes % kChunk;
  const int64_t next = half ? half : stride;
  store(at, x.v[0]);
  store(at + next, x.v[1]);
  store(at + kChunk, x.v[2]);
  store(at + kChunk + next, x.v[3]);
}
GANTRY_INLINE Four each_query(float first, float second) {
  Four x;
  x.v[0] = x.v[1] = set1(first);
  x.v[2] = x.v[3] = set1(second);
  return x;
}

// Softmax without its division: exp(scale s - max), dropout applied, in place. top: of the scaled
// scores; sum: before dropout.
struct SoftmaxPair {
  float top[2], sum[2];
};
template <bool kDrop>
GANTRY_INLINE SoftmaxPair softmax_rows(float* scores, int64_t stride, int64_t query, KeyRange keys,
                                       const QueryPair& pair, float scale) {
  const VF low = set1(-1e30f);
  Four top = low;
  for (int64_t key = keys.first; key < keys.last; key += 2 * kLanes) {
    top = max(top, pair.keep(load_scores(score_at(scores, stride, query, key), stride), key, low));
  }
  const float best[2] = {reduce_max(max(top.v[0], top.v[1])) * scale,
                         reduce_max(max(top.v[2], top.v[3])) * scale};
  const Four shift = each_query(-best[0], -best[1]);
  Four sum = zero();
  for (int64_t key = keys.first; key < keys.last; key += 2 * kLanes) {
    float* at = score_at(scores, stride, query, key);
    Four e = pair.keep(exp(fma(load_scores(at, stride), set1(scale), shift)), key, zero());
    sum = sum + e;
    if constexpr (kDrop) e = e * pair.factors(key);
    store_scores(at, stride, e);
  }
  return {{best[0], best[1]}, {reduce_add(sum.v[0] + sum.v[1]), reduce_add(sum.v[2] + sum.v[3])}};
}

// Asks for `columns` elements of some rows ahead of time: a head's part of a row is a line or two,
// far from the next row's.
template <typename T>
GANTRY_INLINE void prefetch_rows(const T* x, int64_t ld, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; c += 64 / static_cast<int64_t>(sizeof(T))) {
      __builtin_prefetch(x + r * ld + c);
    }
  }
}

// B panels [depth columns / kNr][keys][kNr] of rows that run along k.
template <typename T>
GANTRY_INLINE void pack_values(const T* x, int64_t ld, int64_t length, int64_t keys, int64_t depth,
                               float* panels) {
  for (int64_t column = 0; column < depth; column += kNr) {
    pack_panel<false>(x + column, ld, length, keys, depth - column, panels + column * keys);
  }
}
// B panels [keys / kNr][depth][kNr] of rows that are columns.
template <typename T>
GANTRY_INLINE void pack_keys(const T* x, int64_t ld, int64_t length, int64_t keys, int64_t depth,
                             float* panels) {
  for (int64_t key = 0; key < keys; key += kNr) {
    pack_transposed<false>(x + key * ld, ld, std::min<int64_t>(kNr, length - key), depth, depth,
                           panels + key * depth);
    prefetch_rows(x + (key + kNr) * ld, ld, std::min<int64_t>(kNr, length - key - kNr), depth);
  }
}

// Context rows of `live` queries: probabilities still to be scaled by `inverse`, times the values.
template <typename T>
GANTRY_INLINE void weigh_values(const float* scores, int64_t stride, KeyRange range,
                                const float* v_panels, int64_t keys, int64_t d, int64_t live,
                                const float* inverse, T* to, int64_t ld) {
  for (int64_t column = 0; column < d; column += kNr) {
    Tile<kMr> tile;
    tile.clear();
    tile.template run_by_rows<false>(scores + range.first / kChunk * stride, stride,
                                     v_panels + column * keys + range.first * kNr,
                                     (range.last - range.first) / kChunk);
    alignas(64) float out[kMr * kNr];
    tile.store(out, kNr);
    for (int64_t r = 0; r < live; ++r) {
      for_lanes(std::min<int64_t>(kNr, d - column), [&](int64_t c, auto lanes) {
        lanes.store(to + r * ld + column + c, load(out + r * kNr + c) * set1(inverse[r]));
      });
    }
  }
}

template <typename T>
void attention_forward_task(const AttentionForwardCall<T>& call, int64_t row_begin, int64_t row_end,
                            int64_t key_head) {
  const AttentionShape& s = call.shape;
  const int64_t d = s.head_size, length = row_end - row_begin, group = s.heads / s.key_heads();
  const int64_t keys = round_up(length, kKeyPad), columns = round_up(d, kNr);
  constexpr int64_t stride = kMr * kChunk;
  float* k_panels = scratch<float>(Slot::kPanel, keys * (d + columns));
  float* v_panels = k_panels + keys * d;
  float* scores = scratch<float>(Slot::kScores, keys / kChunk * stride);
  float* q_rows = scratch<float>(Slot::kRows, d * kMr);
  const int64_t ld = call.qkv.ld;
  const T* base = call.qkv.row(row_begin);
  pack_keys(base + (s.heads + key_head) * d, ld, length, keys, d, k_panels);
  pack_values(base + (s.heads + s.key_heads() + key_head) * d, ld, length, keys, d, v_panels);
  const bool drop = call.dropout.active();
  for (int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
    for (int64_t q = 0; q < length; q += kMr) {
      const int64_t live = std::min<int64_t>(kMr, length - q);
      const KeyRange range = visible_keys(s, q, q + live, length);
      pack_rows<false>(base + q * ld + head * d, ld, live, kMr, d, stride, q_rows);
      prefetch_rows(base + (q + kMr) * ld + head * d, ld, std::min<int64_t>(kMr, length - q - kMr),
                    d);
      score_tiles(q_rows, k_panels, d, range, 0, stride, scores);
      float inverse[kMr] = {};
      for (int64_t r = 0; r < live; r += 2) {
        const QueryPair pair = query_pair(s, call.dropout, row_begin, length, q + r, head);
        const SoftmaxPair m = drop ? softmax_rows<true>(scores, stride, r, range, pair, s.scale)
                                   : softmax_rows<false>(scores, stride, r, range, pair, s.scale);
        for (int64_t i = 0; i < 2; ++i) {
          inverse[r + i] = 1.0f / m.sum[i];
          if (!call.lse || r + i >= live) continue;
          call.lse[head * call.qkv.rows + row_begin + q + r + i] = m.top[i] + std::log(m.sum[i]);
        }
      }
      weigh_values(scores, stride, range, v_panels, keys, d, live, inverse,
                   call.ctx.row(row_begin + q) + head * d, call.ctx.ld);
    }
  }
}

// Two queries' rows: scores become dropped probabilities, gradients of probabilities become
// gradients of scores.
template <bool kDrop>
GANTRY_INLINE void score_gradients(float* scores, float* gradients, int64_t stride, int64_t query,
                                   KeyRange keys, const QueryPair& pair, float scale,
                                   const float* lse, const float* delta) {
  const Four shift = each_query(-lse[0], -lse[1]), mean = each_query(delta[0], delta[1]);
  for (int64_t key = keys.first; key < keys.last; key += 2 * kLanes) {
    float* p = score_at(scores, stride, query, key);
    float* g = score_at(gradients, stride, query, key);
    const Four e = pair.keep(exp(fma(load_scores(p, stride), set1(scale), shift)), key, zero());
    Four dp = load_scores(g, stride);
    if constexpr (kDrop) {
      const Four kept = pair.factors(key);
      dp = dp * kept;
      store_scores(p, stride, e * kept);
    } else {
      store_scores(p, stride, e);
    }
    store_scores(g, stride, e * (dp - mean) * set1(scale));
  }
}

template <typename T>
GANTRY_INLINE float dot(const T* a, const T* b, int64_t n) {
  VF sum = zero();
  for_lanes(n,
            [&](int64_t c, auto lanes) { sum = fma(lanes.load(a + c), lanes.load(b + c), sum); });
  return reduce_add(sum);
}

// to[key, column] += sum over queries of a[key chunk][query][key] * b[query, column].
GANTRY_INLINE void add_over_queries(const float* a, int64_t stride, const float* panels,
                                    int64_t panel_rows, int64_t queries, int64_t keys,
                                    int64_t columns, float* to) {
  for (int64_t key = 0; key < keys; key += kKeyRows) {
    for (int64_t column = 0; column < columns; column += kNr) {
      Tile<kKeyRows> tile;
      tile.load(to + key * columns + column, columns);
      tile.template run_by_k<false>(a + key / kChunk * stride + key % kChunk, kChunk,
                                    panels + column * panel_rows, queries);
      tile.store(to + key * columns + column, columns);
    }
  }
}

template <typename T>
GANTRY_INLINE void store_rows(const float* from, int64_t columns, int64_t rows, int64_t d, T* to,
                              int64_t ld) {
  for (int64_t r = 0; r < rows; ++r) {
    for_lanes(d, [&](int64_t c, auto lanes) {
      lanes.store(to + r * ld + c, load(from + r * columns + c));
    });
  }
}

template <typename T>
void attention_backward_task(const AttentionBackwardCall<T>& call, int64_t row_begin,
                             int64_t row_end, int64_t key_head) {
  const AttentionShape& s = call.shape;
  const int64_t d = s.head_size, length = row_end - row_begin, group = s.heads / s.key_heads();
  const int64_t keys = round_up(length, kKeyPad), columns = round_up(d, kNr);
  const int64_t queries = round_up(length, kMr);
  const int64_t stride = queries * kChunk;
  float* k_panels = scratch<float>(Slot::kPanel, keys * (2 * d + 3 * columns));
  float* v_panels = k_panels + keys * d;  // transposed, as k_panels
  float* k_across = v_panels + keys * d;  // k, q and dctx run along k
  float* q_across = k_across + keys * columns;
  float* g_across = q_across + keys * columns;
  float* scores = scratch<float>(Slot::kScores, 2 * keys / kChunk * stride);
  float* gradients = scores + keys / kChunk * stride;
  float* q_rows = scratch<float>(Slot::kRows, 2 * d * kMr);
  float* g_rows = q_rows + d * kMr;
  float* dk = scratch<float>(Slot::kGradients, 2 * keys * columns);
  float* dv = dk + keys * columns;
  std::memset(dk, 0, static_cast<size_t>(2 * keys * columns) * sizeof(float));
  const int64_t ld = call.qkv.ld, ld_g = call.dctx.ld;
  const int64_t k_column = (s.heads + key_head) * d;
  const int64_t v_column = (s.heads + s.key_heads() + key_head) * d;
  const T* base = call.qkv.row(row_begin);
  pack_keys(base + k_column, ld, length, keys, d, k_panels);
  pack_keys(base + v_column, ld, length, keys, d, v_panels);
  pack_values(base + k_column, ld, length, keys, d, k_across);
  const bool drop = call.dropout.active();
  for (int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
    const T* q_base = base + head * d;
    const T* g_base = call.dctx.row(row_begin) + head * d;
    const T* o_base = call.ctx.row(row_begin) + head * d;
    pack_values(q_base, ld, length, keys, d, q_across);
    pack_values(g_base, ld_g, length, keys, d, g_across);
    for (int64_t q = 0; q < length; q += kMr) {
      const int64_t live = std::min<int64_t>(kMr, length - q);
      const KeyRange range = visible_keys(s, q, q + live, length);
      pack_rows<false>(q_base + q * ld, ld, live, kMr, d, kMr * kChunk, q_rows);
      pack_rows<false>(g_base + q * ld_g, ld_g, live, kMr, d, kMr * kChunk, g_rows);
      prefetch_rows(o_base + q * call.ctx.ld, call.ctx.ld, live, d);
      score_tiles(q_rows, k_panels, d, range, q, stride, scores);
      score_tiles(g_rows, v_panels, d, range, q, stride, gradients);
      for (int64_t chunk = 0; chunk < keys / kChunk; ++chunk) {  // keys that no query here sees
        if (chunk * kChunk >= range.first && chunk * kChunk < range.last) continue;
        std::memset(scores + chunk * stride + q * kChunk, 0, kMr * kChunk * sizeof(float));
        std::memset(gradients + chunk * stride + q * kChunk, 0, kMr * kChunk * sizeof(float));
      }
      for (int64_t r = 0; r < live; r += 2) {
        const QueryPair pair = query_pair(s, call.dropout, row_begin, length, q + r, head);
        float lse[2], delta[2];
        for (int64_t i = 0; i < 2; ++i) {
          const int64_t at = std::min(q + r + i, length - 1);
          lse[i] = call.lse[head * call.qkv.rows + row_begin + at];
          delta[i] = dot(g_base + at * ld_g, o_base + at * call.ctx.ld, d);
        }
        const auto rows = drop ? score_gradients<true> : score_gradients<false>;
        rows(scores, gradients, stride, q + r, range, pair, s.scale, lse, delta);
      }
      for (int64_t column = 0; column < d; column += kNr) {
        Tile<kMr> tile;
        tile.clear();
        tile.template run_by_rows<false>(gradients + range.first / kChunk * stride + q * kChunk,
                                         stride, k_across + column * keys + range.first * kNr,
                                         (range.last - range.first) / kChunk);
        alignas(64) float out[kMr * kNr];
        tile.store(out, kNr);
        store_rows(out, kNr, live, std::min<int64_t>(kNr, d - column),
                   call.dqkv.row(row_begin + q) + head * d + column, call.dqkv.ld);
      }
    }
    add_over_queries(gradients, stride, q_across, keys, length, round_up(length, kKeyRows), columns,
                     dk);
    add_over_queries(scores, stride, g_across, keys, length, round_up(length, kKeyRows), columns,
                     dv);
  }
  store_rows(dk, columns, length, d, call.dqkv.row(row_begin) + k_column, call.dqkv.ld);
  store_rows(dv, columns, length, d, call.dqkv.row(row_begin) + v_column, call.dqkv.ld);
}

template <typename T>
constexpr AttentionTable<T> kAttentionTable = {attention_forward_task<T>,
                                               attention_backward_task<T>};

}  // namespace
}  // namespace gantry::GANTRY_ISA
