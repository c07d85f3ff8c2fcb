// config.json of a Hugging Face encoder folder: BERT, RoBERTa, XLM-RoBERTa, CamemBERT.
// Field names and defaults are those of transformers' BertConfig and RobertaConfig.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

enum class HiddenAct {
  gelu,
  gelu_new,
  relu
};  // erf, tanh approximation (also gelu_pytorch_tanh), relu

struct EncoderConfig {
  std::string model_type;  // "bert", "roberta" (camembert too) or "xlm-roberta"
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t intermediate_size = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  int64_t type_vocab_size = 0;
  int64_t pad_token_id = 0;
  double layer_norm_eps = 1e-12;
  HiddenAct hidden_act = HiddenAct::gelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double classifier_dropout = -1;  // below 0: not given, hidden_dropout_prob applies
  int64_t position_offset = 0;     // position of the first token: 0, or pad_token_id + 1
  int64_t max_tokens = 0;          // longest input, special tokens included
  int64_t num_labels = 0;          // 0: config.json names none
  std::vector<std::string> id2label;
  std::string json;  // the file as read

  int64_t head_size() const { return hidden_size / num_attention_heads; }
  bool is_roberta() const { return model_type != "bert"; }  // positions and classifier of RoBERTa
};

// `label` stands for the file in Errors. Errors E0411 (not JSON, a value missing, of the wrong type
// or impossible), E0412 (an architecture, activation or position embedding that Gantry does not
// read).
EncoderConfig parse_encoder_config(std::string_view json, std::string_view label);
EncoderConfig read_encoder_config(const std::filesystem::path& config_json);

}  // namespace gantry
