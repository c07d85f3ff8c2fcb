// LoRA adapters of encoders as PEFT folders: adapter_config.json and adapter_model.safetensors,
// with the names that the Python package peft 0.x writes for BERT and RoBERTa.
//
// A module's weight becomes W + scale * B A, where A is [rank, in], B is [out, rank] and scale is
// alpha / rank, or alpha / sqrt(rank) with rslora (Kalajdzievski, arXiv 2312.03732).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "weights/hf_config.h"
#include "weights/safetensors.h"

namespace gantry {

struct LoraModule {
  std::string module;  // canonical, without ".weight": "encoder.layer.0.attention.self.query"
  int64_t in = 0, out = 0, rank = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
};

struct PeftAdapter {
  int64_t rank = 8;                 // r of adapter_config.json; modules may differ from it
  double alpha = 8;                 // lora_alpha
  double dropout = 0;               // lora_dropout
  bool rslora = false;              // use_rslora
  std::string base_model;           // base_model_name_or_path, "" = not said
  std::vector<LoraModule> modules;  // by name
  std::vector<NamedTensor> head;    // trained whole: "classifier.weight", ... (canonical)

  double scale_of(const LoraModule& module) const;
};

// Errors E0413 (no such folder or file, only pickle files), E0431 (adapter_config.json: damaged, or
// a method that Gantry does not compute: DoRA, a bias, another kind than LoRA), E0432 (tensors
// missing, misshaped, or not of an adapter), E0401, E0404.
PeftAdapter read_peft_adapter(const std::filesystem::path& folder);

// Error E0433 naming the first module or head tensor that does not fit a base of this shape.
void check_adapter_fits(const PeftAdapter& adapter, const EncoderConfig& config,
                        const std::string& label);

// Writes a new folder, whole or not at all, that peft.PeftModel opens on top of the base: with a
// head as *ForSequenceClassification, without one as the bare encoder. Error E0416 when it exists.
void write_peft_adapter(const std::filesystem::path& folder, const PeftAdapter& adapter,
                        const EncoderConfig& config);

}  // namespace gantry
