#include "models/encoder.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "ops/attention.h"

namespace gantry {

namespace {

// Dropout sites: which of a model's dropouts a mask belongs to.
enum Place : uint32_t { kAttention, kAttentionOut, kMlpOut, kLora, kLoraOut, kLoraUp, kLoraDown };
constexpr uint32_t kPlacesPerLayer = 8;
constexpr uint32_t kEmbeddingSite = 1;
constexpr uint32_t kFirstLayerSite = 16;

Activation activation_of(HiddenAct act) {
  switch (act) {
    case HiddenAct::gelu:
      return Activation::kGelu;
    case HiddenAct::gelu_new:
      return Activation::kGeluTanh;
    case HiddenAct::relu:
      return Activation::kRelu;
  }
  return Activation::kGelu;
}

AttentionShape attention_shape(const EncoderConfig& c) {
  return {.heads = c.num_attention_heads, .head_size = c.head_size()};
}

}  // namespace

void check_encoder_shape(const EncoderConfig& c) {
  if (c.head_size() % 16 != 0)
    throw Error("E0614",
                "config.json: hidden_size " + std::to_string(c.hidden_size) + " over " +
                    std::to_string(c.num_attention_heads) + " heads gives a head size of " +
                    std::to_string(c.head_size()) + ", which is not a multiple of 16",
                "Use a model whose attention heads are 16, 32, 48, 64, ... wide.");
}

EncoderFlops encoder_flops(const EncoderConfig& c, const LoraShape& lora, bool frozen_embeddings) {
  const auto h = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  const auto layers = static_cast<double>(c.num_hidden_layers);
  const double weights = layers * (4 * h * h + 2 * h * f);
  EncoderFlops flops{.forward = 2 * weights, .training = 6 * weights};
  if (frozen_embeddings || lora.rank > 0) flops.training -= 2 * 3 * h * h;  // first block's input
  if (lora.rank == 0) return flops;
  flops.training -= 2 * weights;  // no gradient of the frozen weights
  for (const std::string& target : lora.targets) {
    const double in = target == "output.dense" ? f : h;
    const double out = target == "intermediate.dense" ? f : h;
    const double adapter = layers * lora.rank * (in + out);
    flops.forward += 2 * adapter;
    flops.training += 6 * adapter;
  }
  return flops;
}

template <typename T>
Encoder<T>::Encoder(const EncoderConfig& config, const ParameterTable& table, const LoraShape& lora,
                    const StepCapacity& capacity, bool training, bool int8, TensorSpecs& specs)
    : config_(config),
      table_(table),
      lora_(lora),
      capacity_(capacity),
      training_(training),
      activation_(activation_of(config.hidden_act)) {
  check_encoder_shape(config);
  capacity_.rows = padded_rows(capacity.rows);
  const int64_t h = config.hidden_size, f = config.intermediate_size;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const BlockOffsets& b = table.block(l);
    const std::string name = "block " + std::to_string(l) + " ";
    const std::span<const LoraOffsets> adapters(b.lora, 6);
    const auto linear = [&](const char* what, int64_t in, int64_t out, int64_t weight, int64_t bias,
                            std::span<const LoraOffsets> adapted) {
      return AdaptedLinear<T>(name + what, in, out, weight, bias, adapted, lora, capacity_.rows,
                              training, int8, specs);
    };
    blocks_.push_back({linear("query, key, value", h, 3 * h, b.qkv, b.qkv_bias, adapters.first(3)),
                       linear("attention output", h, h, b.out, b.out_bias, adapters.subspan(3, 1)),
                       linear("up", h, f, b.up, b.up_bias, adapters.subspan(4, 1)),
                       linear("down", f, h, b.down, b.down_bias, adapters.subspan(5, 1))});
  }
  add_tensors(specs);
}

template <typename T>
void Encoder<T>::add_tensors(TensorSpecs& specs) {
  const int64_t rows = capacity_.rows, h = config_.hidden_size, f = config_.intermediate_size;
  const DType type = DTypeOf<T>::value;
  const auto hidden = [&](const char* name, const char* group) {
    return specs.add(name, {rows, h}, type, group);
  };
  const auto statistic = [&](const char* name) {
    return specs.add(name, {rows}, DType::kF32, "activations");
  };
  embedded_tensor_ = hidden("embedded", "activations");
  branch_tensor_ = hidden("branch", "activations");
  embedding_mean_tensor_ = statistic("embedding mean");
  embedding_rstd_tensor_ = statistic("embedding rstd");
  const int64_t kept = training_ ? config_.num_hidden_layers : 1;
  for (int64_t l = 0; l < kept; ++l) {
    BlockTensors t{};
    t.qkv = specs.add("query, key, value", {rows, 3 * h}, type, "activations");
    t.ctx = hidden("attention context", "activations");
    t.act = specs.add("MLP activation", {rows, f}, type, "activations");
    if (training_) {
      t.sum1 = hidden("sum before LayerNorm 1", "activations");
      t.x1 = hidden("after LayerNorm 1", "activations");
      t.up = specs.add("MLP before activation", {rows, f}, type, "activations");
      t.sum2 = hidden("sum before LayerNorm 2", "activations");
      t.out = hidden("block output", "activations");
      t.lse =
          specs.add("log-sum-exp", {config_.num_attention_heads, rows}, DType::kF32, "activations");
      t.mean1 = statistic("mean 1");
      t.rstd1 = statistic("rstd 1");
      t.mean2 = statistic("mean 2");
      t.rstd2 = statistic("rstd 2");
    }
    block_tensors_.push_back(t);
  }
  if (!training_) return;
  for (int& t : gradient_tensors_) t = hidden("gradient of a hidden state", "backward scratch");
  up_gradient_tensor_ = specs.add("gradient of the MLP", {rows, f}, type, "backward scratch");
  qkv_gradient_tensor_ =
      specs.add("gradient of query, key, value", {rows, 3 * h}, type, "backward scratch");
  embedding_scratch_tensor_ =
      specs.add("gradient of embeddings", {rows, h}, DType::kF32, "backward scratch");
}

template <typename T>
void Encoder<T>::bind(const Arena& arena, const float* weights) {
  weights_ = weights;
  for (BlockWeights& b : blocks_)
    for (AdaptedLinear<T>* linear : {&b.qkv, &b.out, &b.up, &b.down}) linear->bind(arena, weights);
  embedded_ = arena.matrix<T>(embedded_tensor_);
  branch_ = arena.matrix<T>(branch_tensor_);
  embedding_mean_ = arena.data<float>(embedding_mean_tensor_);
  embedding_rstd_ = arena.data<float>(embedding_rstd_tensor_);
  for (const BlockTensors& t : block_tensors_) {
    BlockBuffers b{.qkv = arena.matrix<T>(t.qkv),
                   .ctx = arena.matrix<T>(t.ctx),
                   .act = arena.matrix<T>(t.act)};
    if (training_) {
      b.sum1 = arena.matrix<T>(t.sum1);
      b.x1 = arena.matrix<T>(t.x1);
      b.up = arena.matrix<T>(t.up);
      b.sum2 = arena.matrix<T>(t.sum2);
      b.out = arena.matrix<T>(t.out);
      b.lse = arena.data<float>(t.lse);
      b.mean1 = arena.data<float>(t.mean1);
      b.rstd1 = arena.data<float>(t.rstd1);
      b.mean2 = arena.data<float>(t.mean2);
      b.rstd2 = arena.data<float>(t.rstd2);
    }
    buffers_.push_back(b);
  }
  if (!training_) return;
  for (int i = 0; i < 3; ++i) gradient_[i] = arena.matrix<T>(gradient_tensors_[i]);
  up_gradient_ = arena.matrix<T>(up_gradient_tensor_);
  qkv_gradient_ = arena.matrix<T>(qkv_gradient_tensor_);
  embedding_scratch_ = arena.matrix<float>(embedding_scratch_tensor_);
}

template <typename T>
void Encoder<T>::pack(bool frozen_too) {
  for (BlockWeights& b : blocks_)
    for (AdaptedLinear<T>* linear : {&b.qkv, &b.out, &b.up, &b.down})
      if (frozen_too || lora_.rank == 0 || linear->adapted()) linear->pack(frozen_too);
}

template <typename T>
Dropout Encoder<T>::site(const PackedStep& step, float rate, int64_t layer, uint32_t place) const {
  return {.rate = rate,
          .row_keys = step.row_keys.data(),
          .site = kFirstLayerSite + static_cast<uint32_t>(layer) * kPlacesPerLayer + place};
}

template <typename T>
LayerNormWeights Encoder<T>::norm(int64_t gamma, int64_t beta) const {
  return {.gamma = weight(gamma),
          .beta = weight(beta),
          .eps = static_cast<float>(config_.layer_norm_eps)};
}

template <typename T>
void Encoder<T>::use_word_table(const float* words, int64_t rows) {
  words_ = words;
  word_rows_ = rows;
}

template <typename T>
EmbeddingTables Encoder<T>::tables() const {
  const EmbeddingOffsets& e = table_.embedding();
  const int64_t h = config_.hidden_size;
  return {.word = words_ ? words_ : weight(e.word),
          .position = weight(e.position),
          .type = weight(e.type),
          .words = words_ ? word_rows_ : (e.position - e.word) / h,
          .positions = config_.max_position_embeddings,
          .types = config_.type_vocab_size};
}

namespace {
EmbeddingIds ids_of(const PackedStep& step) {
  return {.word = step.ids.data(), .position = step.positions.data(), .rows = step.live()};
}
}  // namespace

template <typename T>
void Encoder<T>::embed(const PackedStep& step, float dropout, Matrix<T> y) {
  const EmbeddingOffsets& e = table_.embedding();
  const Dropout drop{.rate = dropout, .row_keys = step.row_keys.data(), .site = kEmbeddingSite};
  embedding_forward<T>(tables(), ids_of(step), norm(e.norm, e.norm_bias), drop, embedding_mean_,
                       embedding_rstd_, y);
}

template <typename T>
Matrix<T> Encoder<T>::forward(const PackedStep& step) {
  GANTRY_CHECK(step.rows <= capacity_.rows);
  const Matrix<T> x = embedded_.row_range(0, step.rows);
  embed(step, 0, x);
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) block_infer(l, step, x);
  return x;
}

template <typename T>
void Encoder<T>::block_infer(int64_t layer, const PackedStep& step, Matrix<T> x) {
  BlockWeights& w = blocks_[static_cast<size_t>(layer)];
  const BlockOffsets& o = table_.block(layer);
  const auto rows = [&](const Matrix<T>& m) { return m.row_range(0, step.rows); };
  const Matrix<T> qkv = rows(buffers_[0].qkv), ctx = rows(buffers_[0].ctx),
                  act = rows(buffers_[0].act), branch = rows(branch_);
  w.qkv.forward(x, {}, {.bias = w.qkv.bias()}, qkv);
  attention_forward<T>(attention_shape(config_), qkv, step.cu_seqlens, {}, ctx, nullptr);
  w.out.forward(ctx, {}, {}, branch);
  layer_norm_forward<T>(branch, w.out.bias(), x, {}, norm(o.norm1, o.norm1_bias), step.live(), {},
                        x);
  w.up.forward(x, {}, {.bias = w.up.bias(), .activation = activation_}, act);
  w.down.forward(act, {}, {}, branch);
  layer_norm_forward<T>(branch, w.down.bias(), x, {}, norm(o.norm2, o.norm2_bias), step.live(), {},
                        x);
}

template <typename T>
Matrix<T> Encoder<T>::forward_for_backward(const PackedStep& step, const EncoderDropout& dropout) {
  GANTRY_CHECK(training_ && step.rows <= capacity_.rows);
  Matrix<T> x = embedded_.row_range(0, step.rows);
  embed(step, dropout.hidden, x);
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    block_forward(l, step, dropout, x);
    x = buffers_[static_cast<size_t>(l)].out.row_range(0, step.rows);
  }
  return x;
}

template <typename T>
void Encoder<T>::block_forward(int64_t layer, const PackedStep& step, const EncoderDropout& dropout,
                               Matrix<T> x) {
  BlockWeights& w = blocks_[static_cast<size_t>(layer)];
  const BlockBuffers& b = buffers_[static_cast<size_t>(layer)];
  const BlockOffsets& o = table_.block(layer);
  const auto rows = [&](const Matrix<T>& m) { return m.row_range(0, step.rows); };
  const Matrix<T> branch = rows(branch_);
  w.qkv.forward(x, site(step, dropout.lora, layer, kLora), {.bias = w.qkv.bias()}, rows(b.qkv));
  attention_forward<T>(attention_shape(config_), rows(b.qkv), step.cu_seqlens,
                       site(step, dropout.attention, layer, kAttention), rows(b.ctx), b.lse);
  w.out.forward(rows(b.ctx), site(step, dropout.lora, layer, kLoraOut), {}, branch);
  layer_norm_forward<T>(branch, w.out.bias(), x, site(step, dropout.hidden, layer, kAttentionOut),
                        norm(o.norm1, o.norm1_bias), step.live(),
                        {.x = rows(b.sum1), .mean = b.mean1, .rstd = b.rstd1}, rows(b.x1));
  w.up.forward(rows(b.x1), site(step, dropout.lora, layer, kLoraUp),
               {.bias = w.up.bias(), .activation = activation_, .pre_activation = rows(b.up)},
               rows(b.act));
  w.down.forward(rows(b.act), site(step, dropout.lora, layer, kLoraDown), {}, branch);
  layer_norm_forward<T>(branch, w.down.bias(), rows(b.x1),
                        site(step, dropout.hidden, layer, kMlpOut), norm(o.norm2, o.norm2_bias),
                        step.live(), {.x = rows(b.sum2), .mean = b.mean2, .rstd = b.rstd2},
                        rows(b.out));
}

template <typename T>
Matrix<T> Encoder<T>::output_gradient(const PackedStep& step) const {
  return gradient_[0].row_range(0, step.rows);
}

template <typename T>
void Encoder<T>::backward(const PackedStep& step, const EncoderDropout& dropout,
                          const Gradients& gradients, bool inputs) {
  const EmbeddingOffsets& e = table_.embedding();
  const bool embeddings = inputs || gradients.at(e.word) != nullptr;
  for (int64_t l = config_.num_hidden_layers - 1; l >= 0; --l) {
    const Matrix<T> x =
        (l == 0 ? embedded_ : buffers_[static_cast<size_t>(l - 1)].out).row_range(0, step.rows);
    block_backward(l, step, dropout, gradients, x, l > 0 || embeddings);
  }
  if (!embeddings) return;
  const Dropout drop{
      .rate = dropout.hidden, .row_keys = step.row_keys.data(), .site = kEmbeddingSite};
  embedding_backward<T>(tables(), ids_of(step), norm(e.norm, e.norm_bias), drop, embedding_mean_,
                        embedding_rstd_, gradient_[0].row_range(0, step.rows), {},
                        embedding_scratch_.row_range(0, step.live()),
                        {.word = gradients.at(e.word),
                         .position = gradients.at(e.position),
                         .type = gradients.at(e.type),
                         .gamma = gradients.at(e.norm),
                         .beta = gradients.at(e.norm_bias)});
}

// gradient_[0] holds dL/d(block output) on entry and dL/dx on return.
template <typename T>
void Encoder<T>::block_backward(int64_t layer, const PackedStep& step,
                                const EncoderDropout& dropout, const Gradients& gradients,
                                Matrix<T> x, bool input_wanted) {
  BlockWeights& w = blocks_[static_cast<size_t>(layer)];
  const BlockBuffers& b = buffers_[static_cast<size_t>(layer)];
  const BlockOffsets& o = table_.block(layer);
  const auto rows = [&](const Matrix<T>& m) { return m.row_range(0, step.rows); };
  const Matrix<T> main = rows(gradient_[0]), skip = rows(gradient_[1]);
  const Matrix<T> up = rows(up_gradient_), qkv = rows(qkv_gradient_);
  // Without dropout the gradient of the branch is that of the residual.
  const Matrix<T> branch = dropout.hidden > 0 ? rows(gradient_[2]) : skip;
  const Matrix<T> branch_out = dropout.hidden > 0 ? branch : Matrix<T>{};
  const auto normalized = [&](uint32_t place, int64_t gamma, int64_t beta, int64_t bias,
                              const LayerNormSaved<T>& saved) {
    layer_norm_backward<T>(main, {}, site(step, dropout.hidden, layer, place), norm(gamma, beta),
                           step.live(), saved,
                           {.residual = skip,
                            .branch = branch_out,
                            .gamma = gradients.at(gamma),
                            .beta = gradients.at(beta),
                            .bias = gradients.at(bias),
                            .accumulate = gradients.accumulate});
  };

  normalized(kMlpOut, o.norm2, o.norm2_bias, o.down_bias,
             {.x = rows(b.sum2), .mean = b.mean2, .rstd = b.rstd2});
  const Dropout lora_down = site(step, dropout.lora, layer, kLoraDown);
  w.down.backward_weight(branch, rows(b.act), lora_down, gradients, false);
  w.down.backward_data(branch, lora_down, {.activation = activation_, .pre_activation = rows(b.up)},
                       up);
  const Dropout lora_up = site(step, dropout.lora, layer, kLoraUp);
  w.up.backward_weight(up, rows(b.x1), lora_up, gradients, true);
  w.up.backward_data(up, lora_up, {.add = skip}, main);

  normalized(kAttentionOut, o.norm1, o.norm1_bias, o.out_bias,
             {.x = rows(b.sum1), .mean = b.mean1, .rstd = b.rstd1});
  const Dropout lora_out = site(step, dropout.lora, layer, kLoraOut);
  w.out.backward_weight(branch, rows(b.ctx), lora_out, gradients, false);
  w.out.backward_data(branch, lora_out, {}, main);
  attention_backward<T>(attention_shape(config_), rows(b.qkv), step.cu_seqlens,
                        site(step, dropout.attention, layer, kAttention), rows(b.ctx), b.lse, main,
                        qkv);
  const Dropout lora_qkv = site(step, dropout.lora, layer, kLora);
  w.qkv.backward_weight(qkv, x, lora_qkv, gradients, true);
  if (input_wanted) w.qkv.backward_data(qkv, lora_qkv, {.add = skip}, main);
}

template class Encoder<float>;
template class Encoder<bf16>;

}  // namespace gantry
