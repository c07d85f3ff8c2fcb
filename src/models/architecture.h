// What tells one encoder architecture from another. Inside, BERT, RoBERTa and XLM-R are the same
// post-LayerNorm blocks under the same tensor names; they differ in positions (EncoderConfig's
// position_offset), in their own pooler, and in what a checkpoint calls the whole.
//
// A new architecture is a file that defines one Architecture and a line in architecture.cc.
#pragma once

#include <string>
#include <vector>

namespace gantry {

// The head a `*ForSequenceClassification` of the architecture puts on the first token.
enum class PoolerKind {
  kTanhThenDropout,     // BERT: tanh(dense x) -> dropout -> classifier
  kDropoutTanhDropout,  // RoBERTa: dropout -> tanh(dense x) -> dropout -> out_proj
};

struct Architecture {
  std::vector<std::string> model_types;  // of config.json
  std::string prefix;                    // of the encoder's tensors in a classifier: "bert."
  std::string encoder_class;             // transformers' class names, for config.json
  std::string classifier_class;
  PoolerKind pooler;
  std::string pooler_tensor;      // canonical name of the pooler's dense layer, no ".weight"
  std::string classifier_tensor;  // of the last layer where the pooler is used
};

// Error E0614 when no architecture answers to `model_type`.
const Architecture& architecture_of(const std::string& model_type);

extern const Architecture bert_architecture;     // bert.cc
extern const Architecture roberta_architecture;  // roberta.cc
extern const Architecture xlm_roberta_architecture;

}  // namespace gantry
