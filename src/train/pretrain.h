// Continued pretraining: the encoder of a base model learns to guess masked words of the study's
// own texts, no labels needed (Gururangan et al. 2020). The result is a base model for FineTuner.
//
//   pretrain(base, {.epochs = 3}, windows, tokenizer->mask_id(), work, study / "base", sink);
//   FineTuner tuner(ModelFolder::open(study / "base"), ...);
//
// Only texts of the training set (and unlabelled ones) may be given: the test set's texts are not
// seen before the test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/progress.h"

namespace gantry {

class ModelFolder;

struct PretrainSettings {
  int epochs = 3;
  int tokens_a_step = 4096;
  double masked_share = 0.15;  // of these 80 % become the mask, 10 % another word, 10 % stay
  double learning_rate = 1e-4;
  double head_learning_rate = 1e-3;  // the head starts from nothing
  double warmup_share = 0.1;
  double weight_decay = 0.01;
  double clip_norm = 1;
  double dropout = 0.1, attention_dropout = 0.1;
  std::string precision = "auto";  // auto | bf16 | fp32
  uint64_t seed = 1;

  std::string to_json() const;
};

struct PretrainResult {
  std::vector<double> epoch_losses;  // mean cross-entropy of a masked word, natural logarithm
  std::vector<float> step_losses;
  int64_t useful_tokens = 0;
  double training_seconds = 0;
  double useful_tokens_per_second = 0;
  double percent_of_ceiling = 0;
};

// windows: token ids with special tokens, which stand first and last and are never masked. Writes
// the new base model to `folder`; when it is there already, made of the same, only reads its
// result. Interrupted, it goes on from its last checkpoint in `work_folder` to the same bits.
// Errors: E0104 (Ctrl-C), E0612, E0613 (no texts), E0617.
PretrainResult pretrain(const ModelFolder& base, const PretrainSettings& settings,
                        const std::vector<std::vector<int32_t>>& windows, int32_t mask_id,
                        const std::filesystem::path& work_folder,
                        const std::filesystem::path& folder, const ProgressSink& sink = {});

}  // namespace gantry
