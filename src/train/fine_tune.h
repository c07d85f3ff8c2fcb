// FineTuner: fine-tunes a BERT, RoBERTa or XLM-R encoder with a classification head.
//
//   FineTuner tuner(base, settings, training, tuning, study / "work", sink);
//   for (int r = 0; r < 10; ++r) results.push_back(tuner.run(r));
//   tuner.write_model({best}, study / "model", {.labels = {"0", "1", "2"}, .prefix = "query: "});
//
// Each restart differs in its head, its order of reports and its dropout. A restart that was
// interrupted (Ctrl-C, kill -9, power) goes on from its last checkpoint in `work_folder` to the
// same bits; one that is finished is read back and not run again. A checkpoint belongs to the
// settings, examples and weights it was made with; with others it is refused (E0616).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "models/example.h"
#include "train/settings.h"

namespace gantry {

class ModelFolder;

struct StepRecord {
  float loss = 0;           // of the step: weighted mean over its reports
  float learning_rate = 0;  // of the encoder's top layer
  float gradient_norm = 0;  // before clipping
  int32_t tokens = 0;       // useful tokens
};

struct EpochRecord {
  double training_loss = 0;  // mean over the steps, dropout on
  double tuning_loss = 0;    // unweighted cross-entropy, dropout off
  double accuracy = 0;
  double macro_f1 = 0;
  std::vector<double> f1;           // per class
  std::vector<double> sensitivity;  // per class
  double seconds = 0;               // training steps only
};

struct RestartResult {
  int restart = 0;
  uint64_t seed = 0;
  std::vector<StepRecord> steps;
  std::vector<EpochRecord> epochs;
  int best_epoch = -1;  // index into epochs
  double best_metric = 0;
  bool stopped_early = false;
  std::vector<float> tuning_logits;  // of the best epoch: [tuning.size() * classes]
  int64_t useful_tokens = 0;         // trained on, over all epochs
  double training_seconds = 0;       // in training steps, checkpoints and tuning passes left out
  double seconds = 0;                // all of it
  double useful_tokens_per_second = 0;
  double percent_of_ceiling = 0;  // see engine.md: 6 N (4 N where frozen) flop a token
  int64_t peak_memory_bytes = 0;  // resident set of the process
  std::filesystem::path weights;  // compact file of the best epoch
};

// What a model folder says about itself beside its weights.
struct ModelDescription {
  std::vector<std::string> labels;  // by class index
  std::string name;                 // "" : the base's
  std::string prefix;               // put before each text
  double temperature = 1;           // probabilities = softmax(logits / temperature)
  std::string extra_json = "{}";    // merged into classifier.json (sections, run identity, ...)
  // A folder written before by the same base, beside which this one will stay: it owns the word
  // table, and only the rows that training touched are written here (weights/shared_words.h). ""
  // for a whole folder.
  std::filesystem::path words_of;
};

// Memory is held only while run(), write_model() or logits() work.
class FineTuner {
 public:
  // `base` and the examples must outlive the tuner's constructor only. Reads the weights, plans
  // the memory and measures the machine's ceiling. Errors: E0611 settings, E0612 a label or a
  // token out of range, E0613 too few examples or a class missing from training, E0614 an encoder
  // that cannot be trained, E0601 not enough memory.
  FineTuner(const ModelFolder& base, FineTuneSettings settings, std::vector<Example> training,
            std::vector<Example> tuning, std::filesystem::path work_folder, ProgressSink sink = {});
  ~FineTuner();
  FineTuner(const FineTuner&) = delete;
  FineTuner& operator=(const FineTuner&) = delete;

  // Trains restart `restart` (0, 1, ...) or reads its result back. Throws E0104 on Ctrl-C after
  // writing a checkpoint.
  RestartResult run(int restart);

  // The model of one finished restart, or the average of the weights of several, as a Hugging Face
  // folder: config.json, model.safetensors (the whole embedding table written back, LoRA merged),
  // the tokenizer's files, gantry.json. Classifier::open reads it. Of one restart with LoRA, the
  // adapter as it was trained lies in the folder `adapter` in it, for PEFT (weights/peft.h).
  void write_model(const std::vector<int>& restarts, const std::filesystem::path& folder,
                   const ModelDescription& description) const;

  // Logits of any examples by the chosen epoch of a finished restart, dropout off, in the precision
  // of training: [examples.size() * classes]. Token ids outside the base's vocabulary: E0612.
  std::vector<float> logits(int restart, const std::vector<Example>& examples);

  std::string precision() const;     // "bf16" or "fp32", as chosen
  std::string memory_table() const;  // what the one allocation holds
  int64_t memory_bytes() const;
  double ceiling_tokens_per_second() const;
  double matmul_peak_gflops() const;  // see ops/peak.h

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
