#include "models/decoder_inference.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "base/threads.h"
#include "models/rotary.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace gantry {
namespace {

PageShape page_shape(const DecoderConfig& c) {
  return {.layers = c.layers, .heads = c.heads, .kv_heads = c.kv_heads, .head_size = c.head_size};
}

struct Floats {  // a matrix of work rows
  std::vector<float> memory;
  int64_t cols = 0;
  void resize(int64_t rows, int64_t columns) {
    cols = columns;
    memory.resize(static_cast<size_t>(rows * columns + 16));
  }
  Matrix<float> rows(int64_t n) { return {memory.data(), n, cols}; }
};

// What add() planned.
struct Plan {
  struct Span {  // rows of one add(), and what they see
    int64_t row, rows;
    std::vector<PageRun> runs;
  };
  std::vector<int32_t> tokens, positions;
  std::vector<PagePlace> places;
  std::vector<Span> spans;
  std::vector<int64_t> wanted;  // rows, rising

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
  void clear() {
    tokens.clear();
    positions.clear();
    places.clear();
    spans.clear();
    wanted.clear();
  }
};

// The table of cosines grows with the texts, but for a scaling that depends on the longest of them.
int64_t first_rope_positions(const DecoderConfig& c) {
  const bool fixed = c.rope_scaling.kind == RopeScaling::Kind::dynamic;
  return fixed ? c.context : std::min<int64_t>(c.context, 2048);
}

// Rows of a span that are attended to together: enough to reuse a page from the first-level cache.
constexpr int64_t kSpanRows = 16;

}  // namespace

int64_t cache_bytes_per_token(const DecoderConfig& config) {
  return page_shape(config).floats() * static_cast<int64_t>(sizeof(float)) / kPagePositions;
}

int64_t pass_bytes(const DecoderConfig& c, const DecoderInferenceOptions& options) {
  const int64_t floats = 3 * c.hidden + 2 * c.q_cols() + 2 * c.kv_cols() + 3 * c.mlp;
  const int64_t widest = std::max({c.hidden, c.q_cols(), c.mlp});
  return options.pass_rows * floats * 4 + options.logit_rows * c.vocabulary * 4 +
         ProductRows::bytes(options.pass_rows, widest, options.activations);
}

struct DecoderInference::Impl {
  DecoderConfig config;
  const DecoderInferenceWeights& weights;
  DecoderInferenceOptions options;
  PageShape shape;
  KvCache cache;
  RopeTable rope;
  ProductRows input;
  Floats x, h, q, k, v, context, gate_up, hidden, low, logits, selected;
  Plan plan;
  int64_t computed = 0;

  Impl(const DecoderConfig& c, const DecoderInferenceWeights& w, const DecoderInferenceOptions& o)
      : config(c),
        weights(w),
        options(o),
        shape(page_shape(c)),
        cache(shape, o.cache_tokens),
        rope(rope_table(c, first_rope_positions(c))),
        input(o.pass_rows, std::max({c.hidden, c.q_cols(), c.mlp}), o.activations) {
    x.resize(o.pass_rows, c.hidden);
    h.resize(o.pass_rows, c.hidden);
    selected.resize(o.pass_rows, c.hidden);
    q.resize(o.pass_rows, c.q_cols());
    k.resize(o.pass_rows, c.kv_cols());
    v.resize(o.pass_rows, c.kv_cols());
    context.resize(o.pass_rows, c.q_cols());
    gate_up.resize(o.pass_rows, 2 * c.mlp);
    hidden.resize(o.pass_rows, c.mlp);
    logits.resize(o.logit_rows, c.vocabulary);
  }

  void embed(std::span<const int32_t> tokens, Matrix<float> out) const {
    const BlockMatrix& e = weights.embedding();
    for (size_t i = 0; i < tokens.size(); ++i) {
      blocks_to_float(e.type, {e.row(tokens[i]), static_cast<size_t>(e.row_bytes)},
                      {out.row(static_cast<int64_t>(i)), static_cast<size_t>(e.in)});
    }
  }

  // The group's products of `input`, with the adapter's; outputs may be added to what is there.
  void multiply(const AdaptedGroup& group, In<float> rows, std::span<const Matrix<float>> y,
                bool add) {
    std::vector<ProductOutput> outputs;
    for (size_t i = 0; i < group.matrices.size(); ++i) {
      outputs.push_back({&group.matrices[i].weight, y[i], add});
    }
    block_product(input, outputs);
    if (group.rank == 0) return;
    low.resize(rows.rows, group.rank);
    const Matrix<float> all = low.rows(rows.rows);
    group.a.forward<float, float>(rows, {}, {}, all);
    int64_t first = 0;
    for (size_t i = 0; i < group.matrices.size(); ++i) {
      const AdaptedMatrix& m = group.matrices[i];
      if (m.rank == 0) continue;
      m.b.forward<float, float>(all.col_range(first, m.rank), {}, y[i], y[i]);
      first += m.rank;
    }
  }

  void normalise(In<float> from, const std::vector<float>& gamma, Matrix<float> to) const {
    rms_norm_forward<float>(
        from, {.gamma = gamma.data(), .eps = static_cast<float>(config.norm_eps)}, to, nullptr);
  }

  void grow_rope(int64_t positions) {
    if (positions <= rope.positions()) return;
    const int64_t length = std::min(config.context, std::max(positions, 2 * rope.positions()));
    rope = rope_table(config, length);
  }

  void run_rows(int64_t begin, int64_t end, const LogitSink& sink);
  void attend(int64_t layer, In<float> queries, std::span<const int32_t> positions,
              std::span<const AttentionSpan> spans, Matrix<float> to) {
    paged_attention(shape, layer, queries, positions, spans, config.window, to);
  }
  std::vector<AttentionSpan> spans_of(int64_t begin, int64_t end) const;
  std::vector<AttentionSpan> spans_of(std::span<const int64_t> rows) const;
  void feed_forward(const DecoderBlockWeights& block, Matrix<float> rows);
  void give_logits(Matrix<float> rows, int64_t first, const LogitSink& sink);
};

// Of plan rows [begin, end), as rows of a pass that starts at `begin`.
std::vector<AttentionSpan> DecoderInference::Impl::spans_of(int64_t begin, int64_t end) const {
  std::vector<AttentionSpan> spans;
  for (const Plan::Span& span : plan.spans) {
    const int64_t last = std::min(end, span.row + span.rows);
    for (int64_t row = std::max(begin, span.row); row < last; row += kSpanRows) {
      spans.push_back({row - begin, std::min(kSpanRows, last - row), span.runs});
    }
  }
  return spans;
}

// Of chosen plan rows, rising, as rows 0, 1, ... of a matrix.
std::vector<AttentionSpan> DecoderInference::Impl::spans_of(std::span<const int64_t> rows) const {
  std::vector<AttentionSpan> spans;
  size_t at = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    while (plan.spans[at].row + plan.spans[at].rows <= rows[i]) ++at;
    const bool same = !spans.empty() && spans.back().runs.data() == plan.spans[at].runs.data() &&
                      spans.back().rows < kSpanRows;
    if (same) {
      ++spans.back().rows;
    } else {
      spans.push_back({static_cast<int64_t>(i), 1, plan.spans[at].runs});
    }
  }
  return spans;
}

void DecoderInference::Impl::feed_forward(const DecoderBlockWeights& block, Matrix<float> rows) {
  const int64_t n = rows.rows;
  normalise(rows, block.mlp_norm, h.rows(n));
  input.set(h.rows(n));
  const Matrix<float> both = gate_up.rows(n);
  multiply(block.gate_up, h.rows(n),
           std::vector<Matrix<float>>{both.col_range(0, config.mlp),
                                      both.col_range(config.mlp, config.mlp)},
           false);
  swiglu_forward<float>(both, hidden.rows(n));
  input.set(hidden.rows(n));
  multiply(block.down, hidden.rows(n), std::vector<Matrix<float>>{rows}, true);
}

void DecoderInference::Impl::give_logits(Matrix<float> rows, int64_t first, const LogitSink& sink) {
  for (int64_t r = 0; r < rows.rows; r += options.logit_rows) {
    const int64_t n = std::min(options.logit_rows, rows.rows - r);
    normalise(rows.row_range(r, n), weights.final_norm(), h.rows(n));
    input.set(h.rows(n));
    block_product(input, {{&weights.head(), logits.rows(n)}});
    sink(first + r, logits.rows(n));
  }
}

void DecoderInference::Impl::run_rows(int64_t begin, int64_t end, const LogitSink& sink) {
  const int64_t n = end - begin;
  const auto part = [&](auto& all) {
    return std::span(all).subspan(static_cast<size_t>(begin), static_cast<size_t>(n));
  };
  const std::span<const int32_t> positions = part(plan.positions);
  const std::span<const PagePlace> places = part(plan.places);
  const auto first_wanted = std::lower_bound(plan.wanted.begin(), plan.wanted.end(), begin);
  const auto last_wanted = std::lower_bound(first_wanted, plan.wanted.end(), end);
  const std::span<const int64_t> wanted(first_wanted, last_wanted);
  const std::vector<AttentionSpan> spans = spans_of(begin, end);
  const auto chosen = static_cast<int64_t>(wanted.size());

  embed(part(plan.tokens), x.rows(n));
  const auto& blocks = weights.blocks();
  for (size_t layer = 0; layer < blocks.size(); ++layer) {
    const DecoderBlockWeights& block = blocks[layer];
    const auto l = static_cast<int64_t>(layer);
    normalise(x.rows(n), block.input_norm, h.rows(n));
    input.set(h.rows(n));
    multiply(block.qkv, h.rows(n), std::vector<Matrix<float>>{q.rows(n), k.rows(n), v.rows(n)},
             false);
    rope_rotate<float>(rope, positions, false, q.rows(n));
    rope_rotate<float>(rope, positions, false, k.rows(n));
    store_keys_and_values(shape, l, k.rows(n), v.rows(n), places);
    if (layer + 1 < blocks.size() || chosen == n) {
      attend(l, q.rows(n), positions, spans, context.rows(n));
      input.set(context.rows(n));
      multiply(block.output, context.rows(n), std::vector<Matrix<float>>{x.rows(n)}, true);
      feed_forward(block, x.rows(n));
      continue;
    }
    // The last block, for the rows whose logits are wanted.
    if (chosen == 0) break;
    const Matrix<float> rows = selected.rows(chosen);
    std::vector<int32_t> their_positions;
    for (int64_t i = 0; i < chosen; ++i) {
      const int64_t row = wanted[static_cast<size_t>(i)] - begin;
      std::memcpy(rows.row(i), x.rows(n).row(row), static_cast<size_t>(config.hidden) * 4);
      if (row != i)
        std::memcpy(q.rows(n).row(i), q.rows(n).row(row), static_cast<size_t>(q.cols) * 4);
      their_positions.push_back(positions[static_cast<size_t>(row)]);
    }
    attend(l, q.rows(chosen), their_positions, spans_of(wanted), context.rows(chosen));
    input.set(context.rows(chosen));
    multiply(block.output, context.rows(chosen), std::vector<Matrix<float>>{rows}, true);
    feed_forward(block, rows);
  }
  computed += n;
  if (chosen == 0) return;
  give_logits(chosen == n ? x.rows(n) : selected.rows(chosen), first_wanted - plan.wanted.begin(),
              sink);
}

DecoderInference::DecoderInference(const DecoderConfig& config,
                                   const DecoderInferenceWeights& weights,
                                   const DecoderInferenceOptions& options)
    : impl_(new Impl(config, weights, options)) {}
DecoderInference::~DecoderInference() = default;

const DecoderConfig& DecoderInference::config() const { return impl_->config; }
Sequence DecoderInference::open() { return impl_->cache.open(); }
Sequence DecoderInference::fork(Sequence sequence, bool copy_tail) {
  GANTRY_CHECK(!copy_tail || impl_->plan.rows() == 0);
  return impl_->cache.fork(sequence, copy_tail);
}
Sequence DecoderInference::fork_at(Sequence sequence, int64_t length) {
  return impl_->cache.fork_at(sequence, length);
}
void DecoderInference::reset() {
  impl_->plan.clear();
  impl_->cache.close_all();
}
void DecoderInference::close(Sequence sequence) { impl_->cache.close(sequence); }
int64_t DecoderInference::length(Sequence sequence) const { return impl_->cache.length(sequence); }

int64_t DecoderInference::add(Sequence sequence, std::span<const int32_t> tokens, Wanted wanted) {
  GANTRY_CHECK(!tokens.empty());
  Plan& plan = impl_->plan;
  const auto first = static_cast<int64_t>(plan.wanted.size());
  const int64_t row = plan.rows(), position = length(sequence);
  GANTRY_CHECK(position + static_cast<int64_t>(tokens.size()) <= impl_->config.context);
  if (impl_->cache.free_tokens() < static_cast<int64_t>(tokens.size()) + kPagePositions)
    throw Error("E0767",
                "the cache of keys and values is full: " + with_commas(impl_->cache.tokens_kept()) +
                    " positions are kept and " + with_commas(static_cast<int64_t>(tokens.size())) +
                    " more are asked for",
                "Answer fewer prompts at once, or give the model a larger cache.");
  impl_->grow_rope(position + static_cast<int64_t>(tokens.size()));
  for (size_t i = 0; i < tokens.size(); ++i) {
    GANTRY_CHECK(tokens[i] >= 0 && tokens[i] < impl_->config.vocabulary);
    const bool last = i + 1 == tokens.size();
    if (wanted == Wanted::kAll || (wanted == Wanted::kLast && last)) {
      plan.wanted.push_back(row + static_cast<int64_t>(i));
    }
    plan.places.push_back(impl_->cache.append(sequence));
    plan.tokens.push_back(tokens[i]);
    plan.positions.push_back(static_cast<int32_t>(position) + static_cast<int32_t>(i));
  }
  const auto runs = impl_->cache.runs(sequence);
  plan.spans.push_back(
      {row, static_cast<int64_t>(tokens.size()), std::vector<PageRun>(runs.begin(), runs.end())});
  return first;
}

int64_t DecoderInference::planned_rows() const { return impl_->plan.rows(); }

void DecoderInference::run(const LogitSink& sink) {
  const int64_t rows = impl_->plan.rows();
  for (int64_t begin = 0; begin < rows; begin += impl_->options.pass_rows) {
    impl_->run_rows(begin, std::min(rows, begin + impl_->options.pass_rows), sink);
  }
  impl_->plan.clear();
}

int64_t DecoderInference::tokens_kept() const { return impl_->cache.tokens_kept(); }
int64_t DecoderInference::cache_bytes() const { return impl_->cache.bytes(); }
int64_t DecoderInference::free_tokens() const { return impl_->cache.free_tokens(); }
int64_t DecoderInference::computed_tokens() const { return impl_->computed; }

}  // namespace gantry
