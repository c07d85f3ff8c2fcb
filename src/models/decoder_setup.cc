// What a DecoderModel is made of: its tensors, where they lie, and reading the weights.
#include <algorithm>

#include "base/error.h"
#include "models/decoder_model.h"
#include "models/rotary.h"

namespace gantry {
namespace {

constexpr int64_t kLogitFloats = int64_t{1} << 23;  // 32 MB of logits at once

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

#define GANTRY_INSTANTIATE(T)                                                                      \
  template DecoderModel<T>::DecoderModel(const DecoderConfig&, const DecoderLora&,                 \
                                         const DecoderHow&, const DecoderCapacity&, TensorSpecs&); \
  template void DecoderModel<T>::bind(const Arena&);                                               \
  template void DecoderModel<T>::load(const DecoderWeights&, const ProgressSink&);                 \
  template void DecoderModel<T>::set_adapter(const float*);                                        \
  template void DecoderModel<T>::adapter_changed();
GANTRY_INSTANTIATE(float)
GANTRY_INSTANTIATE(bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
