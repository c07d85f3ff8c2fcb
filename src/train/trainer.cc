#include "train/trainer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "models/score.h"
#include "ops/adamw.h"
#include "train/update.h"
#include "weights/model_folder.h"

namespace gantry {

namespace {

// Evaluation packs many short windows together.
constexpr int64_t kLeastWindows = 256;

StepCapacity capacity_of(const TrainingShape& shape, int batch_reports) {
  const int64_t rows =
      std::max(shape.longest_report, std::min(shape.pass_tokens, shape.longest_step));
  return {.rows = padded_rows(rows),
          .windows = std::max(shape.windows_a_step, kLeastWindows),
          .reports = std::max<int64_t>(batch_reports, kLeastWindows)};
}

}  // namespace

TrainingShape training_shape(std::span<const Example> training, std::span<const Example> tuning,
                             int batch_reports) {
  TrainingShape shape;
  std::vector<int64_t> tokens, windows;
  for (const std::span<const Example>& examples : {training, tuning})
    for (const Example& e : examples) {
      tokens.push_back(static_cast<int64_t>(e.tokens()));
      windows.push_back(static_cast<int64_t>(e.windows.size()));
    }
  std::sort(tokens.rbegin(), tokens.rend());
  std::sort(windows.rbegin(), windows.rend());
  const size_t n = std::min(tokens.size(), static_cast<size_t>(batch_reports));
  for (size_t i = 0; i < n; ++i) {
    shape.longest_step += tokens[i];
    shape.windows_a_step += windows[i];
  }
  shape.longest_report = tokens.empty() ? 0 : tokens[0];
  return shape;
}

HeadShape head_shape(const FineTuneSettings& s) {
  return {
      .classes = s.classes,
      .pooling = s.pooling == "mean" ? Pooling::kMean : Pooling::kFirst,
      .pooler = s.pooler,
      .window_pooling = s.window_pooling == "mean" ? WindowPooling::kMean : WindowPooling::kMax};
}

LoraShape lora_shape(const FineTuneSettings& s) {
  return {
      .rank = s.lora.rank, .alpha = static_cast<float>(s.lora.alpha), .targets = s.lora.targets};
}

Objective objective_of(const FineTuneSettings& s) {
  Objective o{.dropout = {.hidden = static_cast<float>(s.dropout),
                          .attention = static_cast<float>(s.attention_dropout),
                          .lora = s.lora.rank > 0 ? static_cast<float>(s.lora.dropout) : 0.0f},
              .head_dropout = static_cast<float>(s.head_dropout),
              .label_smoothing = static_cast<float>(s.label_smoothing)};
  for (double w : s.class_weights) o.class_weights.push_back(static_cast<float>(w));
  return o;
}

Trainer::Trainer(const ModelFolder& base, const FineTuneSettings& settings,
                 const CompactVocabulary& vocabulary, const TrainingShape& shape, bool bf16,
                 int64_t memory_limit)
    : base_(base),
      config_(base.config()),
      settings_(settings),
      vocabulary_(vocabulary),
      table_(config_, head_shape(settings), lora_shape(settings),
             static_cast<int64_t>(vocabulary.ids().size())),
      capacity_(capacity_of(shape, settings.batch_reports)),
      pass_tokens_(shape.pass_tokens),
      objective_(objective_of(settings)) {
  if (settings.lora.rank > 0)
    from_ = table_.depth_begin(table_.adapter_depth());
  else if (settings.freeze_embeddings)
    from_ = table_.depth_begin(1);
  const int64_t trained = table_.size() - from_;
  const int weights = specs_.add("weights", {table_.size()}, DType::kF32, "weights");
  const int gradients = specs_.add("gradients", {trained}, DType::kF32, "gradients");
  const int m = specs_.add("first moments", {trained}, DType::kF32, "AdamW moments");
  const int v = specs_.add("second moments", {trained}, DType::kF32, "AdamW moments");
  const bool averaging = settings.averaging != "none";
  const int average =
      averaging ? specs_.add("average", {trained}, DType::kF32, "averaged weights") : -1;
  model_ = ClassifierModel::create(config_, table_,
                                   {.head = head_shape(settings),
                                    .lora = lora_shape(settings),
                                    .capacity = capacity_,
                                    .training = true,
                                    .bf16 = bf16},
                                   specs_);
  arena_ = std::make_unique<Arena>(specs_, memory_limit);
  weights_ = arena_->data<float>(weights);
  gradients_ = arena_->data<float>(gradients);
  m_ = arena_->data<float>(m);
  v_ = arena_->data<float>(v);
  if (averaging) average_ = arena_->data<float>(average);
  model_->bind(*arena_, weights_);
  packed_.reserve(capacity_);
}

void Trainer::start(uint64_t seed) {
  load_base_weights(base_, table_, vocabulary_.ids(), seed, weights_);
  const int64_t bytes = (table_.size() - from_) * static_cast<int64_t>(sizeof(float));
  fill_zero(m_, bytes);
  fill_zero(v_, bytes);
  if (average_) fill_zero(average_, bytes);
  steps_ = 0;
  untouched_decay_ = 1;
  model_->pack(true);
}

void Trainer::resume(int64_t steps, double untouched_decay) {
  steps_ = steps;
  untouched_decay_ = untouched_decay;
  model_->pack(true);
}

StepOutcome Trainer::accumulate(std::span<const Example* const> reports, uint64_t step_key) {
  Objective objective = objective_;
  for (const Example* e : reports) objective.weight_sum += objective.weight_of(*e);
  if (objective.weight_sum <= 0) objective.weight_sum = 1;  // all reports weigh nothing
  Gradients gradients{.data = gradients_, .from = from_};
  if (from_ == 0)  // the embedding's gradients are always added to
    fill_zero(gradients_, table_.depth_begin(1) * static_cast<int64_t>(sizeof(float)));
  StepOutcome outcome;
  const std::vector<size_t> begins = split_into_passes(reports, capacity_.rows);
  for (size_t b = 0; b + 1 < begins.size(); ++b) {
    packed_.clear();
    for (size_t i = begins[b]; i < begins[b + 1]; ++i)
      packed_.add(*reports[i], vocabulary_, config_.position_offset, step_key);
    packed_.finish();
    outcome.loss += model_->train(packed_, objective, gradients);
    outcome.tokens += packed_.live();
    gradients.accumulate = true;
  }
  outcome.gradient_norm = std::sqrt(sum_of_squares(gradients_, table_.size() - from_));
  if (!std::isfinite(outcome.loss) || !std::isfinite(outcome.gradient_norm))
    throw Error("E0617", "step " + std::to_string(steps_ + 1) + ": the loss is no longer a number",
                "Lower learning_rate, or set precision = 'fp32' to see whether it is a matter of "
                "precision.");
  return outcome;
}

StepOutcome Trainer::step(std::span<const Example* const> reports, double rate_factor,
                          uint64_t step_key) {
  const StepOutcome outcome = accumulate(reports, step_key);
  update(outcome, rate_factor);
  return outcome;
}

void Trainer::update(const StepOutcome& outcome, double rate_factor) {
  untouched_decay_ *=
      update_parameters(table_, from_, settings_, {++steps_, rate_factor, outcome.gradient_norm},
                        {.weights = weights_, .gradients = gradients_, .m = m_, .v = v_});
  model_->pack(false);
}

void Trainer::logits(std::span<const Example> examples, float* out) {
  score(*model_,
        {.capacity = capacity_,
         .position_offset = config_.position_offset,
         .classes = settings_.classes,
         .window_pooling = head_shape(settings_).window_pooling},
        vocabulary_, examples, out);
}

double Trainer::flops_per_token() const {
  return encoder_flops(config_, lora_shape(settings_), settings_.freeze_embeddings).training;
}

}  // namespace gantry
