#include "weights/decoder_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "weights/config_reader.h"
#include "weights/gguf.h"

namespace gantry {
namespace {

using nlohmann::json;

const char* const kReadsDecoders =
    "Gantry reads causal language models of the architectures llama (1, 2, 3) and mistral, with "
    "SiLU, without biases.";
constexpr double kLargest = 1e12;  // of rope bases and factors

// What must hold of sizes, wherever they come from.
void check_sizes(const DecoderConfig& c, std::string_view label) {
  const auto refuse = [&](const std::string& what) {
    throw Error("E0411", std::string(label) + ": " + what,
                "Take the file from the place where the weights come from.");
  };
  if (c.heads % c.kv_heads != 0) {
    refuse(std::to_string(c.heads) + " heads are not a multiple of " + std::to_string(c.kv_heads) +
           " key-value heads");
  }
  constexpr int64_t kWidest = 1 << 20;  // of all heads together
  if (c.heads * c.head_size > kWidest) {
    refuse(std::to_string(c.heads) + " heads of " + std::to_string(c.head_size) + " are too wide");
  }
  if (c.head_size % 2 != 0) refuse("the head size " + std::to_string(c.head_size) + " is odd");
  if (c.bos_id >= c.vocabulary) refuse("bos_token_id lies outside the vocabulary");
  for (int32_t id : c.eos_ids) {
    if (id < 0 || id >= c.vocabulary) refuse("eos_token_id lies outside the vocabulary");
  }
  if (!c.rope_scaling.factors.empty() &&
      static_cast<int64_t>(c.rope_scaling.factors.size()) != c.head_size / 2) {
    refuse("rope_freqs.weight has not one factor a pair of a head");
  }
}

std::vector<int32_t> read_ids(const ConfigReader& reader, const char* key) {
  const json* found = reader.value(key);
  if (!found) return {};
  std::vector<int32_t> ids;
  for (const json& id : found->is_array() ? *found : json::array({*found})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > kMaxConfigRows) {
      reader.refuse(std::string(key) + " is " + ConfigReader::shown(*found) + ", not a token id");
    }
    ids.push_back(static_cast<int32_t>(id.get<int64_t>()));
  }
  return ids;
}

RopeScaling read_scaling(const json& value, const ConfigReader& outer, int64_t context) {
  if (!value.is_object()) outer.refuse("rope_scaling is not an object");
  const ConfigReader reader(value, outer.label() + ", rope_scaling", kReadsDecoders);
  RopeScaling s;
  const std::string kind = reader.text("rope_type", reader.text("type", "default"));
  if (kind == "default") return s;
  s.factor = reader.number("factor", 1, kLargest, 1);
  if (kind == "linear") {
    s.kind = RopeScaling::Kind::linear;
  } else if (kind == "dynamic") {
    s.kind = RopeScaling::Kind::dynamic;
    s.original_context = context;
  } else if (kind == "llama3") {
    s.kind = RopeScaling::Kind::llama3;
    s.low_frequency_factor = reader.number("low_freq_factor", 1e-6, kLargest, 1);
    s.high_frequency_factor = reader.number("high_freq_factor", 1e-6, kLargest, 4);
    s.original_context =
        reader.size("original_max_position_embeddings", 1, kMaxConfigRows, context);
    if (s.high_frequency_factor <= s.low_frequency_factor) {
      reader.refuse("high_freq_factor is not above low_freq_factor");
    }
  } else {
    reader.unread("the rope scaling '" + kind.substr(0, 60) + "'");
  }
  return s;
}

// transformers 5 keeps base and scaling in rope_parameters, earlier ones in rope_theta and
// rope_scaling.
void read_rope(const ConfigReader& reader, DecoderConfig& config) {
  config.rope_base = reader.number("rope_theta", 1, kLargest, 10000);
  const json* scaling = reader.value("rope_scaling");
  if (const json* parameters = reader.value("rope_parameters")) {
    if (!parameters->is_object()) reader.refuse("rope_parameters is not an object");
    config.rope_base = ConfigReader(*parameters, reader.label(), kReadsDecoders)
                           .number("rope_theta", 1, kLargest, config.rope_base);
    scaling = parameters;
  }
  if (scaling) config.rope_scaling = read_scaling(*scaling, reader, config.context);
  if (reader.number("partial_rotary_factor", 0, kLargest, 1) != 1) {
    reader.unread("rotary positions over a part of a head");
  }
}

DecoderFamily read_family(const ConfigReader& reader) {
  const std::string type = reader.text("model_type", "");
  if (type == "llama") return DecoderFamily::llama;
  if (type == "mistral") return DecoderFamily::mistral;
  if (type.empty()) reader.refuse("no model_type");
  reader.unread("the architecture '" + type.substr(0, 60) + "'");
}

RopeScaling gguf_scaling(const GgufFile& file, const std::string& arch, std::string_view label) {
  RopeScaling s;
  const std::string kind_key = arch + ".rope.scaling.type", factor = arch + ".rope.scaling.factor";
  if (file.find("rope_freqs.weight")) {
    s.kind = RopeScaling::Kind::factors;
    s.factors = file.read_f32("rope_freqs.weight");
    for (float f : s.factors) {
      if (!(f > 0)) {
        throw Error("E0411", std::string(label) + ": rope_freqs.weight is not positive",
                    "The file is damaged: copy it again.");
      }
    }
    return s;
  }
  const std::string kind = file.has(kind_key) ? file.text(kind_key) : "none";
  if (kind == "none") return s;
  if (kind != "linear") {
    throw Error("E0412", std::string(label) + ": the rope scaling '" + kind.substr(0, 60) + "'",
                kReadsDecoders);
  }
  s.kind = RopeScaling::Kind::linear;
  s.factor = file.number(factor);
  if (!(s.factor >= 1 && s.factor < kLargest)) {
    throw Error("E0411", std::string(label) + ": " + factor + " is out of its range",
                "The file is damaged: copy it again.");
  }
  return s;
}

}  // namespace

const char* name_of(DecoderFamily family) {
  return family == DecoderFamily::llama ? "llama" : "mistral";
}

std::vector<DecoderTensorShape> decoder_tensors(const DecoderConfig& c) {
  std::vector<DecoderTensorShape> all = {{"model.embed_tokens.weight", {c.vocabulary, c.hidden}}};
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    all.push_back({layer + "input_layernorm.weight", {c.hidden}});
    all.push_back({layer + "self_attn.q_proj.weight", {c.q_cols(), c.hidden}});
    all.push_back({layer + "self_attn.k_proj.weight", {c.kv_cols(), c.hidden}});
    all.push_back({layer + "self_attn.v_proj.weight", {c.kv_cols(), c.hidden}});
    all.push_back({layer + "self_attn.o_proj.weight", {c.hidden, c.q_cols()}});
    all.push_back({layer + "post_attention_layernorm.weight", {c.hidden}});
    all.push_back({layer + "mlp.gate_proj.weight", {c.mlp, c.hidden}});
    all.push_back({layer + "mlp.up_proj.weight", {c.mlp, c.hidden}});
    all.push_back({layer + "mlp.down_proj.weight", {c.hidden, c.mlp}});
  }
  all.push_back({"model.norm.weight", {c.hidden}});
  if (!c.tied) all.push_back({"lm_head.weight", {c.vocabulary, c.hidden}});
  return all;
}

DecoderConfig parse_decoder_config(std::string_view text, std::string_view label) {
  const json parsed = parse_config_json(text, label);
  const ConfigReader reader(parsed, label, kReadsDecoders);
  if (!parsed.is_object()) reader.refuse("not a JSON object");
  DecoderConfig c;
  c.family = read_family(reader);
  const bool mistral = c.family == DecoderFamily::mistral;
  c.hidden = reader.size("hidden_size", 1, kMaxConfigWidth);
  c.layers = reader.size("num_hidden_layers", 1, kMaxConfigLayers);
  c.heads = reader.size("num_attention_heads", 1, kMaxConfigWidth);
  c.kv_heads = reader.size("num_key_value_heads", 1, kMaxConfigWidth, mistral ? 8 : c.heads);
  c.head_size =
      reader.size("head_dim", 1, kMaxConfigWidth, std::max<int64_t>(c.hidden / c.heads, 1));
  c.mlp = reader.size("intermediate_size", 1, kMaxConfigWidth);
  c.vocabulary = reader.size("vocab_size", 1, kMaxConfigRows);
  c.context = reader.size("max_position_embeddings", 1, kMaxConfigRows, mistral ? 131072 : 2048);
  c.norm_eps = reader.number("rms_norm_eps", 0, 1, 1e-6);
  c.tied = reader.flag("tie_word_embeddings");
  if (mistral && !parsed.contains("sliding_window")) {
    c.window = 4096;  // MistralConfig's default; null says that there is none
  } else if (mistral) {
    c.window = reader.size("sliding_window", 0, kMaxConfigRows, 0);
  }
  read_rope(reader, c);
  const std::string act = reader.text("hidden_act", "silu");
  if (act != "silu" && act != "swish") reader.unread("hidden_act '" + act.substr(0, 60) + "'");
  if (reader.flag("attention_bias") || reader.flag("mlp_bias")) reader.unread("biases");
  const std::vector<int32_t> bos = read_ids(reader, "bos_token_id");
  c.bos_id = bos.empty() ? -1 : bos[0];
  c.eos_ids = read_ids(reader, "eos_token_id");
  check_sizes(c, label);
  c.json = text;
  return c;
}

DecoderConfig read_decoder_config(const std::filesystem::path& config_json) {
  return parse_decoder_config(read_file(config_json), config_json.string());
}

DecoderConfig decoder_config_of(const GgufFile& file, std::string_view label) {
  const std::string arch = file.text("general.architecture");
  if (arch != "llama" && arch != "mistral") {
    throw Error("E0412", std::string(label) + ": the architecture '" + arch.substr(0, 60) + "'",
                kReadsDecoders);
  }
  const auto size = [&](const std::string& key, int64_t high) {
    const int64_t n = file.integer(arch + "." + key);
    if (n < 1 || n > high) {
      throw Error("E0411",
                  std::string(label) + ": " + arch + "." + key + " is " + std::to_string(n) +
                      ", not between 1 and " + std::to_string(high),
                  "The file is damaged: copy it again.");
    }
    return n;
  };
  const auto size_or = [&](const std::string& key, int64_t high, int64_t otherwise) {
    return file.has(arch + "." + key) ? size(key, high) : otherwise;
  };
  DecoderConfig c;
  c.window = size_or("attention.sliding_window", kMaxConfigRows, 0);
  c.family = arch == "mistral" || c.window > 0 ? DecoderFamily::mistral : DecoderFamily::llama;
  c.hidden = size("embedding_length", kMaxConfigWidth);
  c.layers = size("block_count", kMaxConfigLayers);
  c.heads = size("attention.head_count", kMaxConfigWidth);
  c.kv_heads = size_or("attention.head_count_kv", kMaxConfigWidth, c.heads);
  c.head_size =
      size_or("attention.key_length", kMaxConfigWidth, std::max<int64_t>(c.hidden / c.heads, 1));
  if (size_or("rope.dimension_count", kMaxConfigWidth, c.head_size) != c.head_size) {
    throw Error("E0412", std::string(label) + ": rotary positions over a part of a head",
                kReadsDecoders);
  }
  c.mlp = size("feed_forward_length", kMaxConfigWidth);
  c.context = size("context_length", kMaxConfigRows);
  c.norm_eps = file.number(arch + ".attention.layer_norm_rms_epsilon");
  if (!(c.norm_eps >= 0 && c.norm_eps < 1)) {
    throw Error("E0411", std::string(label) + ": the norm's epsilon is out of its range",
                "The file is damaged: copy it again.");
  }
  c.rope_base =
      file.has(arch + ".rope.freq_base") ? file.number(arch + ".rope.freq_base") : 10000.0;
  if (!(c.rope_base >= 1 && c.rope_base < kLargest)) {
    throw Error("E0411", std::string(label) + ": rope.freq_base is out of its range",
                "The file is damaged: copy it again.");
  }
  const GgufTensor* embedding = file.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2) {
    throw Error("E0403", std::string(label) + ": no matrix token_embd.weight",
                "The file does not hold the architecture that its metadata names.");
  }
  c.vocabulary = embedding->shape[0];
  c.tied = file.find("output.weight") == nullptr;
  c.rope_scaling = gguf_scaling(file, arch, label);
  const auto id = [&](const std::string& key) {
    return file.has(key) ? static_cast<int32_t>(file.integer(key)) : -1;
  };
  c.bos_id = id("tokenizer.ggml.bos_token_id");
  if (const int32_t eos = id("tokenizer.ggml.eos_token_id"); eos >= 0) c.eos_ids = {eos};
  check_sizes(c, label);
  return c;
}

}  // namespace gantry
