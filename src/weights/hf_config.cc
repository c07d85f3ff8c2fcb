#include "weights/hf_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "weights/config_reader.h"

namespace gantry {
namespace {

using nlohmann::json;

const char* const kReadsEncoders =
    "Gantry reads encoders of the architectures bert, roberta, camembert and xlm-roberta.";

constexpr int64_t kMaxWidth = kMaxConfigWidth, kMaxLayers = kMaxConfigLayers,
                  kMaxRows = kMaxConfigRows;

std::string read_model_type(const ConfigReader& reader) {
  const std::string type = reader.text("model_type", "");
  if (type == "camembert") return "roberta";  // the same tensors, positions and heads
  if (type == "bert" || type == "roberta" || type == "xlm-roberta") return type;
  if (type.empty()) reader.refuse("no model_type");
  reader.unread("the architecture '" + type.substr(0, 60) + "'");
}

HiddenAct read_hidden_act(const ConfigReader& reader) {
  const std::string name = reader.text("hidden_act", "gelu");
  if (name == "gelu" || name == "gelu_python") return HiddenAct::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    return HiddenAct::gelu_new;
  }
  if (name == "relu") return HiddenAct::relu;
  throw Error("E0412", reader.label() + ": hidden_act is '" + name.substr(0, 60) + "'",
              "Gantry computes gelu, gelu_new, gelu_pytorch_tanh and relu.");
}

void read_labels(const ConfigReader& reader, EncoderConfig& config) {
  constexpr int64_t kMaxLabels = 1 << 20;
  if (const json* labels = reader.value("id2label")) {
    if (!labels->is_object()) reader.refuse("id2label is not an object");
    config.id2label.resize(labels->size());
    std::vector<bool> seen(labels->size(), false);
    for (const auto& [key, name] : labels->items()) {
      size_t id = labels->size();
      if (!key.empty() && key.size() < 8 && key.find_first_not_of("0123456789") == key.npos) {
        id = std::stoul(key);
      }
      if (id >= labels->size() || seen[id] || !name.is_string()) {
        reader.refuse("id2label does not name the labels 0 to " +
                      std::to_string(static_cast<int64_t>(labels->size()) - 1));
      }
      seen[id] = true;
      config.id2label[id] = name.get<std::string>();
    }
  }
  const int64_t named = static_cast<int64_t>(config.id2label.size());
  config.num_labels = reader.size("num_labels", 1, kMaxLabels, named);
  if (named > 0 && named != config.num_labels) {
    reader.refuse("num_labels is " + std::to_string(config.num_labels) + " but id2label names " +
                  std::to_string(named));
  }
}

void refuse_other_architectures(const ConfigReader& reader) {
  const std::string positions = reader.text("position_embedding_type", "absolute");
  if (positions != "absolute") {
    reader.unread("position_embedding_type '" + positions.substr(0, 60) +
                  "' (only absolute positions are read)");
  }
  if (reader.flag("is_decoder") || reader.flag("add_cross_attention")) {
    reader.unread("a decoder (is_decoder or add_cross_attention is true)");
  }
}

}  // namespace

EncoderConfig parse_encoder_config(std::string_view text, std::string_view label) {
  const json parsed = parse_config_json(text, label);
  const ConfigReader reader(parsed, label, kReadsEncoders);
  if (!parsed.is_object()) reader.refuse("not a JSON object");

  EncoderConfig config;
  config.model_type = read_model_type(reader);
  refuse_other_architectures(reader);
  config.hidden_size = reader.size("hidden_size", 1, kMaxWidth);
  config.num_hidden_layers = reader.size("num_hidden_layers", 1, kMaxLayers);
  config.num_attention_heads = reader.size("num_attention_heads", 1, kMaxWidth);
  config.intermediate_size = reader.size("intermediate_size", 1, kMaxWidth);
  config.vocab_size = reader.size("vocab_size", 1, kMaxRows);
  config.max_position_embeddings = reader.size("max_position_embeddings", 1, kMaxRows);
  config.type_vocab_size = reader.size("type_vocab_size", 1, kMaxRows, 2);
  config.pad_token_id =
      reader.size("pad_token_id", 0, config.vocab_size - 1, config.is_roberta() ? 1 : 0);
  config.layer_norm_eps = reader.number("layer_norm_eps", 0, 1, 1e-12);
  config.hidden_act = read_hidden_act(reader);
  config.hidden_dropout_prob = reader.number("hidden_dropout_prob", 0, 1, 0.1);
  config.attention_probs_dropout_prob = reader.number("attention_probs_dropout_prob", 0, 1, 0.1);
  config.classifier_dropout = reader.number("classifier_dropout", 0, 1, -1);
  if (config.hidden_size % config.num_attention_heads != 0) {
    reader.refuse("hidden_size " + std::to_string(config.hidden_size) + " is not a multiple of " +
                  std::to_string(config.num_attention_heads) + " attention heads");
  }
  config.position_offset = config.is_roberta() ? config.pad_token_id + 1 : 0;
  config.max_tokens = config.max_position_embeddings - config.position_offset;
  if (config.max_tokens < 3) {  // begin, one token, end
    reader.refuse("max_position_embeddings " + std::to_string(config.max_position_embeddings) +
                  " leaves no room for a text");
  }
  read_labels(reader, config);
  config.json = text;
  return config;
}

EncoderConfig read_encoder_config(const std::filesystem::path& config_json) {
  return parse_encoder_config(read_file(config_json), config_json.string());
}

}  // namespace gantry
