// PairTrainer: a decoder with its adapters' state (weights, gradients, moments), one AdamW step at
// a time.
//
//   PairTrainer trainer(base, settings, capacity, memory_limit, sink);   // reads the frozen
//   weights trainer.start(seed); PairOutcome outcome = trainer.step(plan, step_units, rate_factor,
//   step_key);
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "models/decoder.h"
#include "tensor/arena.h"
#include "train/pair_packing.h"
#include "weights/peft.h"

namespace gantry {

struct PairOutcome {
  double loss = 0;           // weighted mean over the step's answer tokens
  double weight = 0;         // their weights' sum
  double gradient_norm = 0;  // before clipping
  int64_t tokens = 0, computed = 0, labels = 0;
  double flops = 0;  // of matrix products
};

struct PairCapacity {
  PassLimits pass;       // of a training pass
  DecoderCapacity most;  // what the buffers hold
};
// For these pairs, and for other answers of up to 64 tokens more to their prompts.
PairCapacity pair_capacity(const PairPlan& training, const PairPlan& tuning,
                           std::span<const Pair> training_pairs, std::span<const Pair> tuning_pairs,
                           const PairTuneSettings& settings, int64_t context);

DecoderLora lora_of(const PairTuneSettings& settings);
DecoderHow how_of(const PairTuneSettings& settings);

class PairTrainer {
 public:
  // Allocates everything, then reads the weights. Error E0601 when more than memory_limit bytes
  // (0: no limit) are needed; E0611, E0614, and those of reading.
  PairTrainer(const DecoderFolder& base, const PairTuneSettings& settings,
              const PairCapacity& capacity, int64_t memory_limit, const ProgressSink& sink);
  // The same over a decoder whose weights come from elsewhere (tests).
  PairTrainer(const DecoderConfig& config, const DecoderWeights& weights,
              const PairTuneSettings& settings, const PairCapacity& capacity, int64_t memory_limit,
              const ProgressSink& sink);

  // Adapters drawn from `seed` (B is 0), zero moments.
  void start(uint64_t seed);
  // One AdamW step. Errors E0617 (not finite), E0618 (no label in the step).
  PairOutcome step(const PairPlan& plan, std::span<const size_t> units, double rate_factor,
                   uint64_t step_key);
  // The gradients of the step without an update.
  PairOutcome accumulate(const PairPlan& plan, std::span<const size_t> units, uint64_t step_key);
  // Per pair the sum of its answer's log-probabilities, dropout off. Error E0347: a pair longer
  // than the buffers.
  std::vector<double> score(std::span<const Pair> pairs, const ProgressSink& sink = {});

  // What has been learned, as PEFT names it.
  PeftAdapter peft_adapter(const std::string& base_name) const;
  // On: the untuned base answers.
  void without_adapter(bool on) { decoder_->set_adapter(on ? nullptr : adapter_.data()); }
  const AdapterTable& table() const { return decoder_->adapters(); }
  const DecoderConfig& config() const { return decoder_->config(); }
  std::span<float> adapter() { return adapter_; }
  std::span<float> gradients() { return gradients_; }
  std::span<float> first_moments() { return m_; }
  std::span<float> second_moments() { return v_; }
  int64_t steps() const { return steps_; }
  void resume(int64_t steps);  // after the spans above were filled
  void adapter_changed() { decoder_->adapter_changed(); }

  std::string memory_table() const { return specs_.table(); }
  int64_t memory_bytes() const { return arena_->bytes(); }
  DecoderFlops flops() const { return flops_; }

 private:
  void update(double gradient_norm, double rate_factor);

  PairTuneSettings settings_;
  PairCapacity capacity_;
  TensorSpecs specs_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Arena> arena_;
  DecoderFlops flops_;
  SegmentedStep step_;
  std::span<float> adapter_, gradients_, m_, v_;
  int64_t steps_ = 0;
};

}  // namespace gantry
