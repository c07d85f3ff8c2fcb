#include "models/parameters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "weights/model_folder.h"

namespace gantry {

namespace {

constexpr int64_t kAlign = 16;  // floats: 64 bytes

constexpr double kInitializerRange = 0.02;  // transformers' initializer_range

bool is_word_table(const Parameter& p) { return p.name == "embeddings.word_embeddings.weight"; }
bool is_lora(const Parameter& p) { return p.name.find(".lora_") != std::string::npos; }

void draw_normal(uint64_t seed, const std::string& name, std::span<float> out) {
  Random random(seed, stream_of(name));
  for (float& w : out) w = static_cast<float>(kInitializerRange * random.normal());
}

void draw_uniform(uint64_t seed, const std::string& name, double bound, std::span<float> out) {
  Random random(seed, stream_of(name));
  for (float& w : out) w = static_cast<float>(bound * (2 * random.uniform() - 1));
}

void read_encoder_parameter(const ModelFolder& folder, const Parameter& p,
                            std::span<const int32_t> word_rows, float* weights) {
  std::span<float> out(weights + p.offset, static_cast<size_t>(p.elements()));
  if (is_word_table(p)) {
    folder.read_rows_f32(p.name, word_rows, out);
    return;
  }
  const size_t piece = out.size() / p.pieces.size();
  for (size_t i = 0; i < p.pieces.size(); ++i)
    folder.read_f32(p.pieces[i], out.subspan(i * piece, piece));
}

}  // namespace

std::span<const std::string> lora_target_names() {
  static const std::array<std::string, 6> names = {
      "query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"};
  return names;
}

int64_t ParameterTable::add(std::string name, int64_t rows, int64_t cols, int depth, bool decays,
                            std::vector<std::string> pieces) {
  if (pieces.empty()) pieces.push_back(name);
  const int64_t offset = size_;
  all_.push_back({.name = std::move(name),
                  .rows = rows,
                  .cols = cols,
                  .offset = offset,
                  .depth = depth,
                  .decays = decays,
                  .pieces = std::move(pieces)});
  size_ += (rows * cols + kAlign - 1) / kAlign * kAlign;
  return offset;
}

int64_t ParameterTable::add_vector(std::string name, int64_t rows, int depth,
                                   std::vector<std::string> pieces) {
  const int64_t offset = add(std::move(name), rows, 1, depth, false, std::move(pieces));
  all_.back().vector = true;
  return offset;
}

void ParameterTable::add_block(const EncoderConfig& c, int64_t layer) {
  const int depth = static_cast<int>(layer) + 1;
  const std::string at = "encoder.layer." + std::to_string(layer) + ".";
  const std::string self = at + "attention.self.", attention = at + "attention.output.";
  const int64_t h = c.hidden_size, f = c.intermediate_size;
  BlockOffsets b{};
  b.qkv = add(self + "query.weight", 3 * h, h, depth, true,
              {self + "query.weight", self + "key.weight", self + "value.weight"});
  b.out = add(attention + "dense.weight", h, h, depth, true);
  b.up = add(at + "intermediate.dense.weight", f, h, depth, true);
  b.down = add(at + "output.dense.weight", h, f, depth, true);
  b.qkv_bias = add_vector(self + "query.bias", 3 * h, depth,
                          {self + "query.bias", self + "key.bias", self + "value.bias"});
  b.out_bias = add_vector(attention + "dense.bias", h, depth);
  b.norm1 = add_vector(attention + "LayerNorm.weight", h, depth);
  b.norm1_bias = add_vector(attention + "LayerNorm.bias", h, depth);
  b.up_bias = add_vector(at + "intermediate.dense.bias", f, depth);
  b.down_bias = add_vector(at + "output.dense.bias", h, depth);
  b.norm2 = add_vector(at + "output.LayerNorm.weight", h, depth);
  b.norm2_bias = add_vector(at + "output.LayerNorm.bias", h, depth);
  blocks_.push_back(b);
}

void ParameterTable::add_head(const EncoderConfig& c, const HeadShape& head) {
  const Architecture& architecture = architecture_of(c.model_type);
  const int depth = head_depth();
  const std::string last = head.pooler ? architecture.classifier_tensor : "classifier";
  if (head.pooler)
    head_.dense =
        add(architecture.pooler_tensor + ".weight", c.hidden_size, c.hidden_size, depth, true);
  head_.classifier = add(last + ".weight", head.classes, c.hidden_size, depth, true);
  if (head.pooler)
    head_.dense_bias = add_vector(architecture.pooler_tensor + ".bias", c.hidden_size, depth);
  head_.classifier_bias = add_vector(last + ".bias", head.classes, depth);
}

void ParameterTable::add_masked_words_head(const EncoderConfig& c, int64_t word_rows) {
  const int depth = head_depth();
  const std::string at = "cls.predictions.";
  head_.dense = add(at + "transform.dense.weight", c.hidden_size, c.hidden_size, depth, true);
  head_.dense_bias = add_vector(at + "transform.dense.bias", c.hidden_size, depth);
  head_.norm = add_vector(at + "transform.LayerNorm.weight", c.hidden_size, depth);
  head_.norm_bias = add_vector(at + "transform.LayerNorm.bias", c.hidden_size, depth);
  head_.classifier_bias = add_vector(at + "bias", word_rows, depth);
  head_.classifier = embedding_.word;
}

void ParameterTable::add_lora(const EncoderConfig& c, const LoraShape& lora, int64_t layer) {
  static const std::array<const char*, 6> paths = {"attention.self.query", "attention.self.key",
                                                   "attention.self.value", "attention.output.dense",
                                                   "intermediate.dense",   "output.dense"};
  const int64_t h = c.hidden_size, f = c.intermediate_size;
  const std::string at = "encoder.layer." + std::to_string(layer) + ".";
  for (size_t i = 0; i < paths.size(); ++i) {
    if (std::find(lora.targets.begin(), lora.targets.end(), lora_target_names()[i]) ==
        lora.targets.end())
      continue;
    const int64_t in = i == 5 ? f : h, out = i == 4 ? f : h;
    LoraOffsets& o = blocks_[static_cast<size_t>(layer)].lora[i];
    o.a = add(at + paths[i] + ".lora_A.weight", lora.rank, in, adapter_depth(), true);
    o.b = add(at + paths[i] + ".lora_B.weight", out, lora.rank, adapter_depth(), true);
  }
}

ParameterTable::ParameterTable(const EncoderConfig& c, const HeadShape& head, const LoraShape& lora,
                               int64_t word_rows) {
  const int64_t h = c.hidden_size;
  embedding_.word = add("embeddings.word_embeddings.weight", word_rows, h, 0, true);
  embedding_.position =
      add("embeddings.position_embeddings.weight", c.max_position_embeddings, h, 0, true);
  embedding_.type = add("embeddings.token_type_embeddings.weight", c.type_vocab_size, h, 0, true);
  embedding_.norm = add_vector("embeddings.LayerNorm.weight", h, 0);
  embedding_.norm_bias = add_vector("embeddings.LayerNorm.bias", h, 0);
  for (int64_t l = 0; l < c.num_hidden_layers; ++l) add_block(c, l);
  if (lora.rank > 0)
    for (int64_t l = 0; l < c.num_hidden_layers; ++l) add_lora(c, lora, l);
  if (head.masked_words)
    add_masked_words_head(c, word_rows);
  else
    add_head(c, head);
}

int64_t ParameterTable::depth_begin(int depth) const {
  for (const Parameter& p : all_)
    if (p.depth >= depth) return p.offset;
  return size_;
}

std::vector<ParameterRange> ParameterTable::ranges(int64_t from) const {
  std::vector<ParameterRange> ranges;
  for (size_t i = 0; i < all_.size(); ++i) {
    const Parameter& p = all_[i];
    if (p.offset < from) continue;
    const int64_t end = i + 1 < all_.size() ? all_[i + 1].offset : size_;
    if (!ranges.empty() && ranges.back().depth == p.depth && ranges.back().decays == p.decays)
      ranges.back().end = end;
    else
      ranges.push_back({p.offset, end, p.depth, p.decays});
  }
  return ranges;
}

void load_base_weights(const ModelFolder& base, const ParameterTable& table,
                       std::span<const int32_t> word_rows, uint64_t seed, float* weights) {
  for (const Parameter& p : table.all()) {
    std::span<float> out(weights + p.offset, static_cast<size_t>(p.elements()));
    if (p.depth < table.adapter_depth()) {
      read_encoder_parameter(base, p, word_rows, weights);
    } else if (is_lora(p)) {
      if (p.name.ends_with("lora_A.weight"))
        draw_uniform(seed, p.name, 1 / std::sqrt(static_cast<double>(p.cols)), out);
      else
        std::fill(out.begin(), out.end(), 0.0f);
    } else if (p.name.starts_with("pooler.") && base.has(p.name)) {
      base.read_f32(p.name, out);
    } else if (p.vector) {
      std::fill(out.begin(), out.end(), p.name.ends_with("LayerNorm.weight") ? 1.0f : 0.0f);
    } else {
      draw_normal(seed, p.name, out);
    }
  }
}

void load_classifier_weights(const ModelFolder& folder, const ParameterTable& table,
                             std::span<const int32_t> word_rows, float* weights) {
  for (const Parameter& p : table.all()) read_encoder_parameter(folder, p, word_rows, weights);
}

}  // namespace gantry
