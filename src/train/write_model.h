// Writing a trained classifier as a Hugging Face folder.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/packed_step.h"
#include "models/parameters.h"
#include "train/fine_tune.h"
#include "weights/peft.h"

namespace gantry {

// Adds (alpha / rank) B A of every adapter to its base weight in `weights`, and zeroes B, so that
// the encoder alone answers as before.
void merge_lora(const EncoderConfig& config, const ParameterTable& table, const LoraShape& lora,
                float* weights);

// The adapters and the head as trained, from weights that are not merged yet.
PeftAdapter trained_adapter(const ModelFolder& base, const FineTuneSettings& settings,
                            const ParameterTable& table, std::span<const float> weights);

// weights [table.size()], adapters merged. Rows of the word table that `vocabulary` leaves out are
// the base's times `untouched_decay`. Replaces `folder` when it exists.
void write_classifier_folder(const ModelFolder& base, const FineTuneSettings& settings,
                             const ParameterTable& table, const CompactVocabulary& vocabulary,
                             std::span<const float> weights, double untouched_decay,
                             const ModelDescription& description,
                             const std::filesystem::path& folder);

// The encoder alone, as a base model to fine-tune. `extra` are further small files (name, content).
void write_base_folder(const ModelFolder& base, const ParameterTable& table,
                       const CompactVocabulary& vocabulary, std::span<const float> weights,
                       double untouched_decay,
                       const std::vector<std::pair<std::string, std::string>>& extra,
                       const std::filesystem::path& folder);

}  // namespace gantry
