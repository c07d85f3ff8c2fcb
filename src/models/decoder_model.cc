#include "models/decoder_model.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"
#include "models/rotary.h"
#include "ops/label_loss.h"
#include "ops/scratch.h"
#include "ops/swiglu.h"

namespace gantry {
namespace {

// Dropout sites: which of a model's dropouts a mask belongs to.
enum Place : uint32_t { kQkv, kKv, kOut, kGateUp, kDown };
constexpr uint32_t kPlacesPerLayer = 8, kFirstSite = 16;

constexpr int64_t kLogitFloats = int64_t{1} << 23;  // 32 MB of logits at once

// to[i] = from[rows[i]].
template <typename T>
void gather_rows(In<T> from, std::span<const int32_t> rows, Matrix<T> to) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(to.row(static_cast<int64_t>(i)), from.row(rows[i]),
                static_cast<size_t>(to.cols) * sizeof(T));
  }
}

// to[rows[i]] += from[i], in order: rows may repeat.
template <typename T>
void scatter_rows(In<T> from, std::span<const int32_t> rows, Matrix<T> to) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const T* x = from.row(static_cast<int64_t>(i));
    T* y = to.row(rows[i]);
    for (int64_t c = 0; c < to.cols; ++c) y[c] = from_float<T>(to_float(y[c]) + to_float(x[c]));
  }
}

template <typename T>
void clear_rows(Matrix<T> x) {
  for (int64_t r = 0; r < x.rows; ++r) {
    std::memset(x.row(r), 0, static_cast<size_t>(x.cols) * sizeof(T));
  }
}

}  // namespace

template <typename T>
DecoderModel<T>::DecoderModel(const DecoderConfig& config, const DecoderLora& lora,
                              const DecoderHow& how, const DecoderCapacity& capacity,
                              TensorSpecs& specs)
    : config_(config),
      lora_(lora),
      how_(how),
      capacity_(capacity),
      adapters_(config, lora),
      shape_{.heads = config.heads,
             .kv_heads = config.kv_heads,
             .head_size = config.head_size,
             .window = config.window},
      rope_(rope_table(config, capacity.positions)) {
  GANTRY_CHECK(capacity.rows > 0 && capacity.labels > 0 && capacity.positions > 0);
  chunk_rows_ = std::clamp<int64_t>(kLogitFloats / config.vocabulary, 16, capacity.labels);
  add_blocks(specs);
  add_buffers(specs);
  chunk_labels_.resize(static_cast<size_t>(chunk_rows_));
  chunk_factors_.resize(static_cast<size_t>(chunk_rows_));
  chunk_log_p_.resize(static_cast<size_t>(chunk_rows_));
  segments_.reserve(static_cast<size_t>(capacity.segments));
  selected_rows_.reserve(static_cast<size_t>(capacity.labels));
  selected_positions_.reserve(static_cast<size_t>(capacity.labels));
  selected_keys_.reserve(static_cast<size_t>(capacity.labels));
  label_selected_.reserve(static_cast<size_t>(capacity.labels));
}

template <typename T>
void DecoderModel<T>::add_blocks(TensorSpecs& specs) {
  const DecoderConfig& c = config_;
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string name = "block " + std::to_string(l) + " ";
    const std::string weights = "model.layers." + std::to_string(l) + ".";
    const std::string group = shares_buffers() && !last(l) ? "block scratch" : "activations";
    const auto piece = [&](const char* matrix, int target, int64_t out) {
      return FrozenPiece{weights + matrix + ".weight", out,
                         adapters_.find(static_cast<int>(l), target)};
    };
    // Adapters' intermediates are kept for each block, also where blocks share the rest: they are
    // small.
    const auto make = [&](const char* what, int64_t in, std::vector<FrozenPiece> pieces,
                          int64_t rows) {
      return FrozenLora<T>(name + what, in, std::move(pieces), how_.weights, lora_.scale(), rows,
                           "activations", specs);
    };
    const int64_t rows = last(l) ? capacity_.labels : capacity_.rows;
    const FrozenPiece q = piece("self_attn.q_proj", 0, c.q_cols()),
                      k = piece("self_attn.k_proj", 1, c.kv_cols()),
                      v = piece("self_attn.v_proj", 2, c.kv_cols());
    std::vector<FrozenLora<T>> qkv;
    if (last(l)) {
      qkv.push_back(make("q", c.hidden, {q}, rows));
      qkv.push_back(make("kv", c.hidden, {k, v}, capacity_.rows));
    } else {
      qkv.push_back(make("qkv", c.hidden, {q, k, v}, rows));
    }
    blocks_.push_back(
        {std::move(qkv), make("out", c.q_cols(), {piece("self_attn.o_proj", 3, c.hidden)}, rows),
         make("gate up", c.hidden,
              {piece("mlp.gate_proj", 4, c.mlp), piece("mlp.up_proj", 5, c.mlp)}, rows),
         make("down", c.mlp, {piece("mlp.down_proj", 6, c.hidden)}, rows),
         std::vector<float>(static_cast<size_t>(c.hidden)),
         std::vector<float>(static_cast<size_t>(c.hidden))});
    if (!shares_buffers() || l == 0 || last(l)) kept_tensors_.push_back(add_kept(l, group, specs));
  }
}

template <typename T>
typename DecoderModel<T>::KeptTensors DecoderModel<T>::add_kept(int64_t layer,
                                                                const std::string& group,
                                                                TensorSpecs& specs) {
  const DecoderConfig& c = config_;
  const DType type = DTypeOf<T>::value;
  const int64_t rows = last(layer) ? capacity_.labels : capacity_.rows;
  const std::string name = "block " + std::to_string(layer) + " ";
  const auto add = [&](const char* what, int64_t n, int64_t cols, DType dtype) {
    return specs.add(name + what, {n, cols}, dtype, group);
  };
  KeptTensors t;
  t.q = add("q k v", rows, last(layer) ? c.q_cols() : c.q_cols() + 2 * c.kv_cols(), type);
  t.kv = last(layer) ? add("k v", capacity_.rows, 2 * c.kv_cols(), type) : -1;
  t.ctx = add("attended", rows, c.q_cols(), type);
  t.lse = add("log-sum-exp", c.heads, rows, DType::kF32);
  t.mid = add("middle", rows, c.hidden, type);
  t.rstd_in = add("norm 1", 1, capacity_.rows, DType::kF32);
  t.rstd_mid = add("norm 2", 1, rows, DType::kF32);
  t.gate_up = add("gate, up", rows, 2 * c.mlp, type);
  return t;
}

template <typename T>
void DecoderModel<T>::add_buffers(TensorSpecs& specs) {
  const DecoderConfig& c = config_;
  const int64_t rows = capacity_.rows, labels = capacity_.labels;
  const auto add = [&](const char* what, int64_t n, int64_t cols) {
    return specs.add(what, {n, cols}, DTypeOf<T>::value, "scratch");
  };
  for (int64_t l = 0; l < (how_.training ? c.layers : std::min<int64_t>(c.layers, 2)); ++l) {
    stream_tensors_.push_back(specs.add("stream " + std::to_string(l), {rows, c.hidden},
                                        DTypeOf<T>::value, "activations"));
  }
  normed_tensor_ = add("normed", rows, c.hidden);
  selected_normed_tensor_ = add("normed label rows", labels, c.hidden);
  act_tensor_ = add("gated", std::max(rows, labels), c.mlp);
  hidden_tensor_ = add("hidden", labels, c.hidden);
  final_tensor_ = add("final", labels, c.hidden);
  chunk_tensor_ = add("head rows", chunk_rows_, c.hidden);
  final_rstd_tensor_ = specs.add("final norm", {labels}, DType::kF32, "scratch");
  logits_tensor_ = specs.add("logits", {chunk_rows_, c.vocabulary}, DType::kF32, "logits");
  if (how_.training) {
    dqkv_tensor_ = add("d q k v", rows, c.q_cols() + 2 * c.kv_cols());
    dq_tensor_ = add("d q of label rows", labels, c.q_cols());
    dctx_tensor_ = add("d attended", std::max(rows, labels), c.q_cols());
    stream_gradient_tensor_ = add("d stream", rows, c.hidden);
    final_gradient_tensor_ = add("d final", labels, c.hidden);
    chunk_gradient_tensor_ = add("d head rows", chunk_rows_, c.hidden);
  }
  if (!adapters_.modules().empty()) {
    workspace_.low_gradient = add("d low", std::max(rows, labels), 3 * lora_.rank);
    if (how_.training && lora_.dropout > 0) {
      workspace_.dropped =
          add("dropped", std::max(rows, labels), std::max({c.hidden, c.q_cols(), c.mlp}));
    }
  }
  head_tensor_ =
      specs.add("head", {FrozenLinear::storage_bytes(c.hidden, c.vocabulary, how_.head_weights)},
                DType::kU8, "frozen weights");
  if (!c.tied) {
    embedding_tensor_ = specs.add("embedding", {c.vocabulary, c.hidden},
                                  how_.head_weights == FrozenType::f32 ? DType::kF32 : DType::kBf16,
                                  "frozen weights");
  }
}

template <typename T>
typename DecoderModel<T>::Kept DecoderModel<T>::bind_kept(int64_t layer, const Arena& arena) const {
  const DecoderConfig& c = config_;
  const KeptTensors& t = shares_buffers()
                             ? (last(layer) ? kept_tensors_.back() : kept_tensors_.front())
                             : kept_tensors_[static_cast<size_t>(layer)];
  Kept k;
  k.qkv = arena.matrix<T>(t.q);
  k.q = k.qkv.col_range(0, c.q_cols());
  const Matrix<T> kv =
      last(layer) ? arena.matrix<T>(t.kv) : k.qkv.col_range(c.q_cols(), 2 * c.kv_cols());
  k.k = kv.col_range(0, c.kv_cols());
  k.v = kv.col_range(c.kv_cols(), c.kv_cols());
  k.ctx = arena.matrix<T>(t.ctx);
  k.mid = arena.matrix<T>(t.mid);
  k.gate_up = arena.matrix<T>(t.gate_up);
  k.lse = arena.data<float>(t.lse);
  k.rstd_in = arena.data<float>(t.rstd_in);
  k.rstd_mid = arena.data<float>(t.rstd_mid);
  return k;
}

template <typename T>
void DecoderModel<T>::bind(const Arena& arena) {
  const auto take = [&](Matrix<T>& m, int tensor) {
    if (tensor >= 0) m = arena.matrix<T>(tensor);
  };
  for (int64_t l = 0; l < config_.layers; ++l) {
    Block& b = blocks_[static_cast<size_t>(l)];
    for (FrozenLora<T>& m : b.qkv) m.bind(arena, workspace_);
    for (FrozenLora<T>* m : {&b.out, &b.gate_up, &b.down}) m->bind(arena, workspace_);
    kept_.push_back(bind_kept(l, arena));
  }
  for (int tensor : stream_tensors_) streams_.push_back(arena.matrix<T>(tensor));
  take(normed_, normed_tensor_);
  take(selected_normed_, selected_normed_tensor_);
  take(act_, act_tensor_);
  take(hidden_, hidden_tensor_);
  take(final_, final_tensor_);
  take(chunk_, chunk_tensor_);
  take(dqkv_, dqkv_tensor_);
  take(dq_, dq_tensor_);
  take(dctx_, dctx_tensor_);
  take(stream_gradient_, stream_gradient_tensor_);
  take(final_gradient_, final_gradient_tensor_);
  take(chunk_gradient_, chunk_gradient_tensor_);
  final_rstd_ = arena.data<float>(final_rstd_tensor_);
  logits_ = arena.matrix<float>(logits_tensor_);
  head_ = FrozenLinear(config_.hidden, config_.vocabulary, how_.head_weights,
                       arena.data<uint8_t>(head_tensor_));
  if (embedding_tensor_ >= 0 && how_.head_weights == FrozenType::f32) {
    embedding_ = arena.matrix<float>(embedding_tensor_);
  } else if (embedding_tensor_ >= 0) {
    embedding_bf16_ = arena.matrix<bf16>(embedding_tensor_);
  }
}

template <typename T>
void DecoderModel<T>::load(const DecoderWeights& weights, const ProgressSink& sink) {
  const DecoderConfig& c = config_;
  constexpr int64_t kRowsAtOnce = 1024;
  const auto norm_of = [&](const std::string& name, std::vector<float>& gamma) {
    gamma.resize(static_cast<size_t>(c.hidden));
    weights(name, 0, 1, gamma);
  };
  for (int64_t l = 0; l < c.layers; ++l) {
    Block& b = blocks_[static_cast<size_t>(l)];
    const std::string name = "model.layers." + std::to_string(l) + ".";
    norm_of(name + "input_layernorm.weight", b.norm_in);
    norm_of(name + "post_attention_layernorm.weight", b.norm_mid);
    for (FrozenLora<T>& m : b.qkv) m.load(weights);
    for (FrozenLora<T>* m : {&b.out, &b.gate_up, &b.down}) m->load(weights);
    tell(sink, Progress{.phase = "reading the base model",
                        .done = static_cast<double>(l + 1),
                        .total = static_cast<double>(c.layers),
                        .unit = "layers"});
  }
  norm_of("model.norm.weight", final_norm_);
  const char* const embedding = "model.embed_tokens.weight";
  std::vector<float> rows(static_cast<size_t>(kRowsAtOnce * c.hidden));
  for (int64_t begin = 0; begin < c.vocabulary; begin += kRowsAtOnce) {
    const int64_t end = std::min(c.vocabulary, begin + kRowsAtOnce), n = (end - begin) * c.hidden;
    const std::span<float> part = std::span(rows).first(static_cast<size_t>(n));
    weights(c.tied ? embedding : "lm_head.weight", begin, end, part);
    head_.pack(begin, end - begin, part.data());
    if (c.tied) continue;
    weights(embedding, begin, end, part);
    if (!embedding_.empty()) convert(part.data(), embedding_.row(begin), n);
    if (!embedding_bf16_.empty()) convert(part.data(), embedding_bf16_.row(begin), n);
  }
}

template <typename T>
void DecoderModel<T>::set_adapter(const float* adapter) {
  for (Block& b : blocks_) {
    for (FrozenLora<T>& m : b.qkv) m.set_adapter(adapter);
    for (FrozenLora<T>* m : {&b.out, &b.gate_up, &b.down}) m->set_adapter(adapter);
  }
}

template <typename T>
void DecoderModel<T>::adapter_changed() {
  for (Block& b : blocks_) {
    for (FrozenLora<T>& m : b.qkv) m.adapter_changed();
    for (FrozenLora<T>* m : {&b.out, &b.gate_up, &b.down}) m->adapter_changed();
  }
}

template <typename T>
Matrix<T> DecoderModel<T>::stream(int64_t layer) const {
  const size_t at =
      how_.training ? static_cast<size_t>(layer) : static_cast<size_t>(layer) % streams_.size();
  return streams_[at].row_range(0, rows_);
}

template <typename T>
RmsNormWeights DecoderModel<T>::norm(const std::vector<float>& gamma) const {
  return {gamma.data(), static_cast<float>(config_.norm_eps)};
}

template <typename T>
Dropout DecoderModel<T>::site(const uint64_t* keys, const Masks& masks, int64_t layer,
                              uint32_t place) const {
  return {masks.rate, keys, kFirstSite + static_cast<uint32_t>(layer) * kPlacesPerLayer + place};
}

// ---- a step's shape ----

template <typename T>
void DecoderModel<T>::prepare(const SegmentedStep& step) {
  rows_ = step.rows();
  GANTRY_CHECK(rows_ > 0 && rows_ <= capacity_.rows && step.longest() <= capacity_.positions);
  GANTRY_CHECK(static_cast<int64_t>(step.labels.size()) <= capacity_.labels);
  segments_.clear();
  for (const Segment& s : step.segments) {
    segments_.push_back({s.parent, s.row, s.rows, s.position, s.row, s.rows});
  }
  plan_.set(segments_, step.positions);
  select_label_rows(step);
}

template <typename T>
void DecoderModel<T>::select_label_rows(const SegmentedStep& step) {
  selected_rows_.clear();
  selected_positions_.clear();
  selected_keys_.clear();
  label_selected_.clear();
  for (const LabelRow& label : step.labels) {
    GANTRY_CHECK(label.row >= 0 && label.row < rows_);
    if (selected_rows_.empty() || label.row != selected_rows_.back()) {
      GANTRY_CHECK_MSG(selected_rows_.empty() || label.row > selected_rows_.back(),
                       "labels must rise by row: call finish()");
      selected_rows_.push_back(label.row);
      selected_positions_.push_back(step.positions[static_cast<size_t>(label.row)]);
      if (!step.row_keys.empty()) {
        selected_keys_.push_back(step.row_keys[static_cast<size_t>(label.row)]);
      }
    }
    label_selected_.push_back(static_cast<int32_t>(selected_rows_.size()) - 1);
  }
  size_t next = 0;
  for (AttentionSegment& s : segments_) {
    s.query = static_cast<int32_t>(next);
    while (next < selected_rows_.size() && selected_rows_[next] < s.row + s.rows) ++next;
    s.queries = static_cast<int32_t>(next) - s.query;
  }
  label_plan_.set(segments_, selected_positions_);
}

template <typename T>
void DecoderModel<T>::embed(const SegmentedStep& step) {
  const Matrix<T> x = stream(0);
  parallel_for(rows_, 16, [&](int64_t begin, int64_t end) {
    float* row = scratch<float>(Slot::kRows, config_.hidden);
    for (int64_t r = begin; r < end; ++r) {
      const int32_t token = step.tokens[static_cast<size_t>(r)];
      GANTRY_CHECK(token >= 0 && token < config_.vocabulary);
      if (config_.tied) {
        head_.unpack_row(token, {row, static_cast<size_t>(config_.hidden)});
      } else if (!embedding_.empty()) {
        convert(embedding_.row(token), row, config_.hidden);
      } else {
        convert(embedding_bf16_.row(token), row, config_.hidden);
      }
      convert(row, x.row(r), config_.hidden);
    }
  });
}

// ---- forward ----

template <typename T>
void DecoderModel<T>::mlp_forward(int64_t layer, const Masks& masks, const uint64_t* keys,
                                  int64_t rows, Matrix<T> y) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Matrix<T> mid = k.mid.row_range(0, rows), gate_up = k.gate_up.row_range(0, rows);
  const Matrix<T> normed = (last(layer) ? selected_normed_ : normed_).row_range(0, rows);
  const Matrix<T> act = act_.row_range(0, rows);
  rms_norm_forward<T>(mid, norm(b.norm_mid), normed, k.rstd_mid);
  b.gate_up.forward(normed, site(keys, masks, layer, kGateUp), {}, gate_up);
  if (y.empty()) return;
  swiglu_forward<T>(gate_up, act);
  b.down.forward(act, site(keys, masks, layer, kDown), mid, y);
}

template <typename T>
void DecoderModel<T>::block_forward(int64_t layer, const Masks& masks, Matrix<T> y) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> qkv = k.qkv.row_range(0, rows_), ctx = k.ctx.row_range(0, rows_),
                  mid = k.mid.row_range(0, rows_);
  rms_norm_forward<T>(x, norm(b.norm_in), normed, k.rstd_in);
  b.qkv[0].forward(normed, site(masks.rows, masks, layer, kQkv), {}, qkv);
  rope_rotate<T>(rope_, plan_.query_positions(), false,
                 qkv.col_range(0, config_.q_cols() + config_.kv_cols()));
  segment_attention_forward<T>(shape_, plan_, k.q.row_range(0, rows_), k.k.row_range(0, rows_),
                               k.v.row_range(0, rows_), ctx, k.lse);
  b.out.forward(ctx, site(masks.rows, masks, layer, kOut), x, mid);
  mlp_forward(layer, masks, masks.rows, rows_, y);
}

template <typename T>
void DecoderModel<T>::last_block_forward(const Masks& masks) {
  const int64_t layer = config_.layers - 1;
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  Block& b = blocks_.back();
  Kept& k = kept_.back();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> some = selected_normed_.row_range(0, selected);
  const Matrix<T> q = k.q.row_range(0, selected), ctx = k.ctx.row_range(0, selected);
  const Matrix<T> kv(k.k.data, rows_, 2 * config_.kv_cols(), k.k.ld);
  rms_norm_forward<T>(x, norm(b.norm_in), normed, k.rstd_in);
  gather_rows<T>(normed, selected_rows_, some);
  b.qkv[0].forward(some, site(masks.selected, masks, layer, kQkv), {}, q);
  b.qkv[1].forward(normed, site(masks.rows, masks, layer, kKv), {}, kv);
  rope_rotate<T>(rope_, selected_positions_, false, q);
  rope_rotate<T>(rope_, plan_.query_positions(), false, kv.col_range(0, config_.kv_cols()));
  segment_attention_forward<T>(shape_, label_plan_, q, k.k.row_range(0, rows_),
                               k.v.row_range(0, rows_), ctx, k.lse);
  gather_rows<T>(x, selected_rows_, some);
  b.out.forward(ctx, site(masks.selected, masks, layer, kOut), some, k.mid.row_range(0, selected));
  mlp_forward(layer, masks, masks.selected, selected, hidden_.row_range(0, selected));
}

template <typename T>
void DecoderModel<T>::forward(const SegmentedStep& step, Masks masks) {
  prepare(step);
  masks.selected = selected_keys_.data();
  embed(step);
  for (int64_t l = 0; l + 1 < config_.layers; ++l) block_forward(l, masks, stream(l + 1));
  last_block_forward(masks);
}

// ---- head ----

template <typename T>
Matrix<float> DecoderModel<T>::chunk_logits(int64_t begin, int64_t count) {
  const Matrix<T> x = chunk_.row_range(0, count);
  gather_rows<T>(
      final_,
      std::span(label_selected_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
      x);
  const Matrix<float> logits = logits_.row_range(0, count);
  head_.template forward<T, float>(Matrix<const T>(x), {}, {}, logits);
  return logits;
}

template <typename T>
double DecoderModel<T>::head(const SegmentedStep& step, double scale,
                             std::span<float> log_probabilities) {
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  const auto labels = static_cast<int64_t>(step.labels.size());
  const Matrix<T> hidden = hidden_.row_range(0, selected), final = final_.row_range(0, selected);
  rms_norm_forward<T>(hidden, norm(final_norm_), final, final_rstd_);
  if (scale != 0) clear_rows(final_gradient_.row_range(0, selected));
  double sum = 0;
  for (int64_t begin = 0; begin < labels; begin += chunk_rows_) {
    const int64_t count = std::min(chunk_rows_, labels - begin);
    const Matrix<float> logits = chunk_logits(begin, count);
    for (int64_t i = 0; i < count; ++i) {
      const LabelRow& label = step.labels[static_cast<size_t>(begin + i)];
      chunk_labels_[static_cast<size_t>(i)] = label.label;
      chunk_factors_[static_cast<size_t>(i)] =
          static_cast<float>(scale * static_cast<double>(label.weight));
    }
    label_loss(logits, chunk_labels_.data(), scale != 0 ? chunk_factors_.data() : nullptr,
               chunk_log_p_.data());
    for (int64_t i = 0; i < count; ++i) {
      const float log_p = chunk_log_p_[static_cast<size_t>(i)];
      sum += static_cast<double>(step.labels[static_cast<size_t>(begin + i)].weight) *
             static_cast<double>(log_p);
      if (!log_probabilities.empty()) log_probabilities[static_cast<size_t>(begin + i)] = log_p;
    }
    if (scale == 0) continue;
    const Matrix<T> dx = chunk_gradient_.row_range(0, count);
    head_.template backward_data<float, T>(Matrix<const float>(logits), {}, {}, {}, dx);
    scatter_rows<T>(
        dx,
        std::span(label_selected_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
        final_gradient_);
  }
  if (scale != 0) {
    const Matrix<T> d = final_gradient_.row_range(0, selected);
    rms_norm_backward<T>(d, hidden, final_rstd_, norm(final_norm_), {}, d);
  }
  return sum;
}

// ---- backward ----

template <typename T>
void DecoderModel<T>::mlp_backward(int64_t layer, const Pass& pass, const uint64_t* keys,
                                   Matrix<T> dy) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const int64_t rows = dy.rows;
  const Matrix<T> mid = k.mid.row_range(0, rows), gate_up = k.gate_up.row_range(0, rows);
  const Matrix<T> normed = (last(layer) ? selected_normed_ : normed_).row_range(0, rows);
  const Matrix<T> act = act_.row_range(0, rows);
  swiglu_forward<T>(gate_up, act);
  b.down.backward(dy, act, site(keys, pass.masks, layer, kDown), pass.gradients, pass.accumulate,
                  act);
  swiglu_backward<T>(gate_up, act, gate_up);
  rms_norm_forward<T>(mid, norm(b.norm_mid), normed, nullptr);
  b.gate_up.backward(gate_up, normed, site(keys, pass.masks, layer, kGateUp), pass.gradients,
                     pass.accumulate, normed);
  rms_norm_backward<T>(normed, mid, k.rstd_mid, norm(b.norm_mid), dy, dy);
}

template <typename T>
void DecoderModel<T>::block_backward(int64_t layer, const Pass& pass, Matrix<T> dy) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Masks& masks = pass.masks;
  const int64_t qc = config_.q_cols(), kc = config_.kv_cols();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> ctx = k.ctx.row_range(0, rows_), dctx = dctx_.row_range(0, rows_),
                  dqkv = dqkv_.row_range(0, rows_);
  mlp_backward(layer, pass, masks.rows, dy);
  b.out.backward(dy, ctx, site(masks.rows, masks, layer, kOut), pass.gradients, pass.accumulate,
                 dctx);
  segment_attention_backward<T>(shape_, plan_, k.q.row_range(0, rows_), k.k.row_range(0, rows_),
                                k.v.row_range(0, rows_), ctx, k.lse, dctx, dqkv.col_range(0, qc),
                                dqkv.col_range(qc, kc), dqkv.col_range(qc + kc, kc));
  rope_rotate<T>(rope_, plan_.query_positions(), true, dqkv.col_range(0, qc + kc));
  rms_norm_forward<T>(x, norm(b.norm_in), normed, nullptr);
  const bool wanted = layer > 0;  // nothing below the first block is trained
  b.qkv[0].backward(dqkv, normed, site(masks.rows, masks, layer, kQkv), pass.gradients,
                    pass.accumulate, wanted ? normed : Matrix<T>());
  if (wanted) rms_norm_backward<T>(normed, x, k.rstd_in, norm(b.norm_in), dy, dy);
}

template <typename T>
void DecoderModel<T>::last_block_backward(const Pass& pass, Matrix<T> dy, Matrix<T> dx) {
  const int64_t layer = config_.layers - 1, selected = dy.rows;
  Block& b = blocks_.back();
  Kept& k = kept_.back();
  const Masks& masks = pass.masks;
  const int64_t kc = config_.kv_cols();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> some = selected_normed_.row_range(0, selected);
  const Matrix<T> ctx = k.ctx.row_range(0, selected), dctx = dctx_.row_range(0, selected),
                  dq = dq_.row_range(0, selected), dkv(dqkv_.data, rows_, 2 * kc);
  mlp_backward(layer, pass, masks.selected, dy);
  b.out.backward(dy, ctx, site(masks.selected, masks, layer, kOut), pass.gradients, pass.accumulate,
                 dctx);
  segment_attention_backward<T>(shape_, label_plan_, k.q.row_range(0, selected),
                                k.k.row_range(0, rows_), k.v.row_range(0, rows_), ctx, k.lse, dctx,
                                dq, dkv.col_range(0, kc), dkv.col_range(kc, kc));
  rope_rotate<T>(rope_, selected_positions_, true, dq);
  rope_rotate<T>(rope_, plan_.query_positions(), true, dkv.col_range(0, kc));
  rms_norm_forward<T>(x, norm(b.norm_in), normed, nullptr);
  gather_rows<T>(normed, selected_rows_, some);
  const bool wanted = layer > 0;
  b.qkv[0].backward(dq, some, site(masks.selected, masks, layer, kQkv), pass.gradients,
                    pass.accumulate, wanted ? some : Matrix<T>());
  b.qkv[1].backward(dkv, normed, site(masks.rows, masks, layer, kKv), pass.gradients,
                    pass.accumulate, wanted ? normed : Matrix<T>());
  if (!wanted) return;
  scatter_rows<T>(some, selected_rows_, normed);
  clear_rows(dx);
  scatter_rows<T>(dy, selected_rows_, dx);
  rms_norm_backward<T>(normed, x, k.rstd_in, norm(b.norm_in), dx, dx);
}

template <typename T>
double DecoderModel<T>::loss(const SegmentedStep& step) {
  if (step.labels.empty()) return 0;
  forward(step, {});
  return -head(step, 0, {});
}

template <typename T>
void DecoderModel<T>::label_log_probabilities(const SegmentedStep& step, std::span<float> out) {
  GANTRY_CHECK(out.size() == step.labels.size());
  if (step.labels.empty()) return;
  forward(step, {});
  head(step, 0, out);
}

template <typename T>
void DecoderModel<T>::logits(const SegmentedStep& step, Matrix<float> out) {
  const auto labels = static_cast<int64_t>(step.labels.size());
  GANTRY_CHECK(out.rows == labels && out.cols == config_.vocabulary);
  if (labels == 0) return;
  forward(step, {});
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  rms_norm_forward<T>(hidden_.row_range(0, selected), norm(final_norm_),
                      final_.row_range(0, selected), nullptr);
  for (int64_t begin = 0; begin < labels; begin += chunk_rows_) {
    const int64_t count = std::min(chunk_rows_, labels - begin);
    const Matrix<float> part = chunk_logits(begin, count);
    for (int64_t i = 0; i < count; ++i) {
      std::copy(part.row(i), part.row(i) + part.cols, out.row(begin + i));
    }
  }
}

template <typename T>
double DecoderModel<T>::loss_and_gradients(const SegmentedStep& step, double scale,
                                           float* gradients, bool accumulate) {
  GANTRY_CHECK(how_.training && gradients && scale != 0);
  if (step.labels.empty()) {
    if (!accumulate) std::fill(gradients, gradients + adapters_.size(), 0.0f);
    return 0;
  }
  Masks masks;
  if (lora_.dropout > 0) {
    GANTRY_CHECK(static_cast<int64_t>(step.row_keys.size()) == step.rows());
    masks = {lora_.dropout, step.row_keys.data(), nullptr};
  }
  forward(step, masks);
  masks.selected = selected_keys_.data();
  const double sum = -head(step, scale, {});
  const Pass pass{gradients, accumulate, masks};
  const Matrix<T> d = stream_gradient_.row_range(0, rows_);
  last_block_backward(pass,
                      final_gradient_.row_range(0, static_cast<int64_t>(selected_rows_.size())), d);
  for (int64_t l = config_.layers - 2; l >= 0; --l) {
    if (how_.recompute) block_forward(l, masks, {});  // up to gate and up: backward needs no more
    block_backward(l, pass, d);
  }
  return scale * sum;
}

template class DecoderModel<float>;
template class DecoderModel<bf16>;

}  // namespace gantry
