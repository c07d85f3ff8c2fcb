// LoRA adapters of causal language models as PEFT folders (peft.h), with what Gantry keeps beside
// them in gantry.json: which base they were trained on, by name and by the hash of its weights.
//
//   DecoderAdapter adapter = read_decoder_adapter(study / "adapter");
//   check_decoder_adapter(adapter, base, "study/adapter");
//
// Modules are named as transformers names them: "model.layers.0.self_attn.q_proj".
#pragma once

#include <filesystem>
#include <string>

#include "weights/peft.h"

namespace gantry {

class DecoderFolder;
struct DecoderConfig;

struct DecoderAdapterAbout {
  std::string base_name;          // "smollm2-135m-instruct"
  std::string base_hash;          // DecoderFolder::weights_hash(); "" = not known
  std::string tokenizer_hash;     // Tokenizer::hash(); "" = not known
  std::string chat_template;      // name of the kind; "" = not said
  std::string extra_json = "{}";  // merged into gantry.json (task, run identity, ...)
};

struct DecoderAdapter {
  PeftAdapter lora;
  DecoderAdapterAbout about;
};

// Errors E0413, E0431, E0432 (see peft.h), E0415 (gantry.json).
DecoderAdapter read_decoder_adapter(const std::filesystem::path& folder);

// Errors E0433 (a module or a shape that the base does not have), E0434 (another base: the hash is
// not that of the weights the adapter was trained on). The hash is looked at only where the adapter
// has one and `base_hash` is given.
void check_decoder_adapter(const DecoderAdapter& adapter, const DecoderConfig& base,
                           const std::string& base_hash, const std::string& label);
// The same, with the base's hash computed where the adapter has one to compare with.
void check_decoder_adapter(const DecoderAdapter& adapter, const DecoderFolder& base,
                           const std::string& label);

// Writes a new folder, whole or not at all, that peft.PeftModel opens on top of the base loaded as
// AutoModelForCausalLM. Error E0416 when it exists.
void write_decoder_adapter(const std::filesystem::path& folder, const DecoderAdapter& adapter);

}  // namespace gantry
