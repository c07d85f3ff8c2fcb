// Trainer: the state of one run (weights, moments) and one AdamW step over it.
//
//   Trainer trainer(base, settings, vocabulary, shape);
//   trainer.start(seed);
//   StepOutcome outcome = trainer.step(reports, rate_factor(...), step_key);
//
// A step's reports are packed into passes of at most shape.pass_tokens tokens, whose gradients are
// added, so that memory does not grow with the batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/classifier_model.h"
#include "models/packed_step.h"
#include "models/parameters.h"
#include "tensor/arena.h"
#include "train/settings.h"

namespace gantry {

class ModelFolder;

// What a model must be able to hold.
struct TrainingShape {
  int64_t pass_tokens = 4096;  // tokens a pass; a longer report has a pass of its own
  int64_t longest_report = 0;  // tokens
  int64_t longest_step = 0;    // tokens
  int64_t windows_a_step = 0;  // most windows of the reports of one step
};
TrainingShape training_shape(std::span<const Example> training, std::span<const Example> tuning,
                             int batch_reports);

struct StepOutcome {
  double loss = 0;
  double gradient_norm = 0;  // before clipping
  int64_t tokens = 0;
};

HeadShape head_shape(const FineTuneSettings& settings);
LoraShape lora_shape(const FineTuneSettings& settings);
Objective objective_of(const FineTuneSettings& settings);  // all but weight_sum

class Trainer {
 public:
  // `base` and `vocabulary` must outlive the trainer. Allocates everything. Error E0601 when more
  // than memory_limit bytes (0: no limit) are needed; E0614.
  Trainer(const ModelFolder& base, const FineTuneSettings& settings,
          const CompactVocabulary& vocabulary, const TrainingShape& shape, bool bf16,
          int64_t memory_limit);

  // Base weights, a head drawn from `seed`, zero moments.
  void start(uint64_t seed);
  // One AdamW step. Error E0617 when the loss or a gradient is not finite.
  StepOutcome step(std::span<const Example* const> reports, double rate_factor, uint64_t step_key);
  // Gradients of the step without an update, for tests: gradients() holds them.
  StepOutcome accumulate(std::span<const Example* const> reports, uint64_t step_key);
  // [examples.size() * classes], dropout off.
  void logits(std::span<const Example> examples, float* out);

  const ParameterTable& table() const { return table_; }
  const EncoderConfig& config() const { return config_; }
  int64_t trainable_from() const { return from_; }
  std::span<float> weights() { return {weights_, static_cast<size_t>(table_.size())}; }
  // The trainable part, and what belongs to it.
  std::span<float> trainable() { return weights().subspan(static_cast<size_t>(from_)); }
  std::span<float> gradients() { return of_trainable(gradients_); }
  std::span<float> first_moments() { return of_trainable(m_); }
  std::span<float> second_moments() { return of_trainable(v_); }
  std::span<float> average() { return of_trainable(average_); }  // empty without averaging
  int64_t steps() const { return steps_; }
  // Product of (1 - rate x decay) so far: what AdamW does to embedding rows no step touches.
  double untouched_decay() const { return untouched_decay_; }
  void resume(int64_t steps, double untouched_decay);  // after the spans above were filled
  void weights_changed(bool frozen_too = false) { model_->pack(frozen_too); }

  double flops_per_token() const;  // of training
  std::string memory_table() const { return specs_.table(); }
  int64_t memory_bytes() const { return arena_->bytes(); }

 private:
  std::span<float> of_trainable(float* data) {
    return {data, data ? static_cast<size_t>(table_.size() - from_) : 0};
  }
  void update(const StepOutcome& outcome, double rate_factor);

  const ModelFolder& base_;
  EncoderConfig config_;
  FineTuneSettings settings_;
  const CompactVocabulary& vocabulary_;
  ParameterTable table_;
  StepCapacity capacity_;
  int64_t pass_tokens_;
  int64_t from_ = 0;
  Objective objective_;
  TensorSpecs specs_;
  std::unique_ptr<ClassifierModel> model_;
  std::unique_ptr<Arena> arena_;
  PackedStep packed_;
  float *weights_ = nullptr, *gradients_ = nullptr, *m_ = nullptr, *v_ = nullptr,
        *average_ = nullptr;
  int64_t steps_ = 0;
  double untouched_decay_ = 1;
};

}  // namespace gantry
