// PairTuner: tunes a LLaMA- or Mistral-class model with LoRA on pairs of prompt and answer
// (supervised fine-tuning); the loss is on the answers alone.
//
//   PairTuner tuner(base, settings, training, tuning, study / "work", sink);
//   for (int r = 0; r < 3; ++r) results.push_back(tuner.run(r));
//   tuner.write_adapter(best, study / "adapter");
//
// Pairs are packed without padding: what the prompts of a pass have in common (the instruction; the
// text of a case that is asked several things) is computed once, the rest are branches behind it
// (models/segments.h). Each restart differs in its adapters' start, its order and its dropout. A
// restart that was interrupted (Ctrl-C, kill -9, power) goes on from its last checkpoint in
// `work_folder` to the same bits; one that is finished is read back and not run again. A checkpoint
// belongs to the settings, pairs and weights it was made with; with others it is refused (E0616).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "text/fit_prompt.h"

namespace gantry {

class DecoderFolder;
struct DecoderAdapterAbout;
struct PeftAdapter;

// One prompt and its answer as token ids.
struct Pair {
  PromptIds prompt;             // with the template's tokens and the beginning token
  std::vector<int32_t> answer;  // with the end token; these carry the loss
  float token_weight = 1;       // of each of its answer's tokens in the loss, a weighted mean
  uint64_t key = 0;             // of the case: pairs of one key stay in one step, and share a text
  std::string id;               // stands in errors and lists: "case-12, rt-modality"
};

struct PairTuneSettings {
  int epochs = 3;
  // A step holds this many pairs, or, where 0, about tokens_a_step computed tokens (first-fit
  // decreasing over the epoch, seeded order).
  int batch_pairs = 8;
  int64_t tokens_a_step = 2048;
  int64_t pass_tokens = 2048;  // a larger step is run in passes, whose gradients are added

  double learning_rate = 2e-4;
  double warmup_share = 0.05;
  std::string schedule = "linear";  // linear | cosine | constant
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1;  // of the global gradient norm; 0: off

  int64_t rank = 16;
  double alpha = 32;
  double dropout = 0.05;  // before the adapters' A
  bool rslora = false;
  std::vector<std::string> targets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                      "gate_proj", "up_proj", "down_proj"};

  std::string base_weights = "bf16";  // fp32 | bf16 | int8 | nf4: how the frozen base is held
  bool recompute = false;             // blocks' activations computed again in backward
  int64_t max_tokens = 0;             // a pair; 0: the model's context
  std::string too_long = "refuse";    // refuse | shorten: a pair longer than max_tokens
  int patience = 0;                   // epochs without a better metric before stopping; 0: off
  uint64_t seed = 1;

  // Error E0611 naming the setting, its value and what is allowed.
  void check() const;
  std::string to_json() const;  // all values, sorted keys
};

struct PairStepRecord {
  float loss = 0;  // (weighted) mean cross-entropy of the step's answer tokens, natural logarithm
  float learning_rate = 0;
  float gradient_norm = 0;  // before clipping
  int32_t tokens = 0;       // useful: of the pairs as they stand, each prompt counted in full
  int32_t computed = 0;     // rows that were computed: what is shared is counted once
  int32_t labels = 0;
  float seconds = 0;
  float percent_of_ceiling = 0;
};

struct PairEpochRecord {
  double training_loss = 0;  // over the epoch's answer tokens, dropout on
  double tuning_loss = 0;    // (weighted) mean cross-entropy of an answer token, dropout off
  double metric = 0;         // the caller's; -tuning_loss without one
  double seconds = 0;        // training steps only
};

struct PairTuneResult {
  int restart = 0;
  uint64_t seed = 0;
  std::vector<PairStepRecord> steps;
  std::vector<PairEpochRecord> epochs;
  int best_epoch = -1;  // index into epochs
  double best_metric = 0;
  bool stopped_early = false;
  int64_t useful_tokens = 0, computed_tokens = 0;
  double training_seconds = 0;  // in training steps
  double seconds = 0;           // all of it
  double useful_tokens_per_second = 0;
  // Of what the machine's matrix ceiling allows for the rows that were computed (engine.md: 4 N
  // flop a token and the head's rows).
  double percent_of_ceiling = 0;
  int64_t peak_memory_bytes = 0;  // resident set of the process
  std::filesystem::path weights;  // adapters of the best epoch
};

// A pair that was shortened to fit.
struct ShortenedPair {
  std::string id;
  int64_t tokens = 0, taken_out = 0;  // before; of the record's text
};

// The model after an epoch, for the caller's own measure of it.
class TunedView {
 public:
  virtual ~TunedView() = default;
  virtual int epoch() const = 0;
  virtual double tuning_loss() const = 0;
  // For each pair the sum of its answer's log-probabilities (natural logarithm), dropout off. The
  // answers of a closed set to one prompt are pairs that share it: the prompt is computed once.
  virtual std::vector<double> score(std::span<const Pair> pairs) const = 0;
  virtual PeftAdapter adapter() const = 0;
};
// The larger, the better. Called after each epoch.
using TuningMetric = std::function<double(const TunedView&)>;

// The base's memory is held while the tuner lives.
class PairTuner {
 public:
  // `base` must outlive the constructor only. Plans the memory and refuses what does not fit before
  // the weights are read. piece_of: a token's text, for masked_sample(). Errors: E0611 settings,
  // E0612 a token out of range or a pair without an answer, E0613 no pairs, E0347 a pair that does
  // not fit, E0601 not enough memory.
  PairTuner(const DecoderFolder& base, PairTuneSettings settings, std::vector<Pair> training,
            std::vector<Pair> tuning, std::filesystem::path work_folder, ProgressSink sink = {},
            TuningMetric metric = {}, std::function<std::string(int32_t)> piece_of = {});
  ~PairTuner();
  PairTuner(const PairTuner&) = delete;
  PairTuner& operator=(const PairTuner&) = delete;

  // Trains restart `restart` (0, 1, ...) or reads its result back. Throws E0104 on Ctrl-C after
  // writing a checkpoint.
  PairTuneResult run(int restart);

  // The adapter of a finished restart's best epoch, as a PEFT folder with the base's name and hash
  // beside it (weights/decoder_adapter.h). Error E0615 when the restart is not finished; E0416 when
  // the folder exists.
  void write_adapter(int restart, const std::filesystem::path& folder) const;
  // The same with what `about` says of chat template, tokenizer and task; base_name and base_hash
  // are filled in.
  void write_adapter(int restart, const std::filesystem::path& folder,
                     DecoderAdapterAbout about) const;
  PeftAdapter adapter(int restart) const;

  // Sums of the answers' log-probabilities by a finished restart, dropout off; restart -1: by the
  // untuned base.
  std::vector<double> score(int restart, std::span<const Pair> pairs);

  const std::vector<ShortenedPair>& shortened() const;
  // The first training pair, one line a token: whether it carries loss, its place, id and text. To
  // be shown before training starts.
  std::string masked_sample() const;
  std::string memory_table() const;
  int64_t memory_bytes() const;
  double ceiling_tokens_per_second() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
