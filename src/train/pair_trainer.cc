#include "train/pair_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "ops/adamw.h"
#include "weights/decoder_folder.h"

namespace gantry {

namespace {

constexpr int64_t kSpareTokens = 64;  // other answers may be this much longer than the pairs'

int64_t longest_of(std::span<const Pair> pairs) {
  size_t longest = 0;
  for (const Pair& pair : pairs)
    longest = std::max(longest, pair.prompt.ids.size() + pair.answer.size());
  return static_cast<int64_t>(longest);
}

int64_t most_pairs(const PairPlan& plan) {
  size_t most = 0;
  for (const PairUnit& unit : plan.units()) most = std::max(most, unit.end - unit.begin);
  return static_cast<int64_t>(most);
}

int64_t most_labels(const PairPlan& plan) {
  int64_t most = 0;
  for (const PairUnit& unit : plan.units()) most = std::max(most, unit.labels);
  return most;
}

}  // namespace

PairCapacity pair_capacity(const PairPlan& training, const PairPlan& tuning,
                           std::span<const Pair> training_pairs, std::span<const Pair> tuning_pairs,
                           const PairTuneSettings& settings, int64_t context) {
  PairCapacity capacity;
  const int64_t longest = std::min(
      context, std::max(longest_of(training_pairs), longest_of(tuning_pairs)) + kSpareTokens);
  const auto all = static_cast<int64_t>(training_pairs.size() + tuning_pairs.size());
  const int64_t units = std::max(most_pairs(training), most_pairs(tuning));
  // No pass is larger than a step, where a step is so many pairs.
  int64_t pairs = settings.pass_tokens;
  if (settings.batch_pairs > 0) pairs = std::max<int64_t>(settings.batch_pairs + units, 16);
  capacity.pass.pairs = std::max(std::min(pairs, std::max<int64_t>(all, 16)), units);
  capacity.pass.rows = settings.pass_tokens;
  capacity.pass.labels = std::max(
      {settings.pass_tokens / 2, most_labels(training), most_labels(tuning), kSpareTokens});
  int64_t rows = std::max({training.largest_unit(), tuning.largest_unit(), longest});
  if (settings.batch_pairs > 0) {
    // All pairs of the largest step laid end to end may still be fewer than pass_tokens.
    std::vector<int64_t> sizes;
    for (const PairUnit& unit : training.units()) sizes.push_back(unit.rows);
    std::sort(sizes.rbegin(), sizes.rend());
    const auto n = std::min<size_t>(sizes.size(), static_cast<size_t>(settings.batch_pairs));
    const int64_t step =
        training.common() +
        std::accumulate(sizes.begin(), sizes.begin() + static_cast<int64_t>(n), int64_t{0});
    capacity.pass.rows = std::min(capacity.pass.rows, std::max(step, rows));
  }
  rows = std::max(rows, capacity.pass.rows);
  // A tree with n leaves has fewer than 2 n nodes.
  capacity.most = {.rows = rows,
                   .segments = std::min(2 * capacity.pass.pairs, rows + 1),
                   .labels = capacity.pass.labels,
                   .positions = longest};
  return capacity;
}

DecoderLora lora_of(const PairTuneSettings& s) {
  return {.rank = static_cast<int>(s.rank),
          .alpha = static_cast<float>(s.alpha),
          .rslora = s.rslora,
          .dropout = static_cast<float>(s.dropout),
          .targets = s.targets};
}

DecoderHow how_of(const PairTuneSettings& s) {
  DecoderHow how{.training = true, .recompute = s.recompute};
  GANTRY_CHECK(frozen_type_of(s.base_weights, how.weights));
  // The head's logits decide; 16 bits a weight cost little beside the blocks.
  how.head_weights = how.weights == FrozenType::f32 ? FrozenType::f32 : FrozenType::bf16;
  how.bf16_activations = how.weights != FrozenType::f32;
  return how;
}

PairTrainer::PairTrainer(const DecoderFolder& base, const PairTuneSettings& settings,
                         const PairCapacity& capacity, int64_t memory_limit,
                         const ProgressSink& sink)
    : PairTrainer(base.config(), folder_weights(base), settings, capacity, memory_limit, sink) {}

PairTrainer::PairTrainer(const DecoderConfig& config, const DecoderWeights& weights,
                         const PairTuneSettings& settings, const PairCapacity& capacity,
                         int64_t memory_limit, const ProgressSink& sink)
    : settings_(settings), capacity_(capacity) {
  const DecoderLora lora = lora_of(settings);
  const DecoderHow how = how_of(settings);
  check_decoder_lora(lora, config);
  require_decoder_memory(config, lora, how, capacity.most, memory_limit);
  decoder_ = make_decoder(config, lora, how, capacity.most, specs_);
  const int64_t n = table().size();
  const int adapter = specs_.add("adapter", {n}, DType::kF32, "adapters");
  const int gradients = specs_.add("adapter gradients", {n}, DType::kF32, "gradients");
  const int m = specs_.add("first moments", {n}, DType::kF32, "optimizer");
  const int v = specs_.add("second moments", {n}, DType::kF32, "optimizer");
  arena_ = std::make_unique<Arena>(specs_, memory_limit);
  const auto span_of = [&](int tensor) {
    return std::span<float>(arena_->data<float>(tensor), static_cast<size_t>(n));
  };
  adapter_ = span_of(adapter);
  gradients_ = span_of(gradients);
  m_ = span_of(m);
  v_ = span_of(v);
  decoder_->bind(*arena_);
  decoder_->load(weights, sink);
  decoder_->set_adapter(adapter_.data());
  flops_ = decoder_flops(config, table(), how);
  step_.reserve(capacity.most.rows, capacity.most.segments, capacity.most.labels);
  start(settings.seed);
}

void PairTrainer::start(uint64_t seed) {
  const auto bytes = static_cast<int64_t>(adapter_.size_bytes());
  fill_zero(adapter_.data(), bytes);
  init_adapter(table(), seed, adapter_.data());
  fill_zero(m_.data(), bytes);
  fill_zero(v_.data(), bytes);
  steps_ = 0;
  decoder_->adapter_changed();
}

void PairTrainer::resume(int64_t steps) {
  steps_ = steps;
  decoder_->adapter_changed();
}

PeftAdapter PairTrainer::peft_adapter(const std::string& base_name) const {
  PeftAdapter adapter{.rank = settings_.rank,
                      .alpha = settings_.alpha,
                      .dropout = settings_.dropout,
                      .rslora = settings_.rslora,
                      .base_model = base_name};
  const float* flat = adapter_.data();
  for (const AdapterModule& m : table().modules()) {
    LoraModule module{.module = m.name, .in = m.in, .out = m.out, .rank = m.rank};
    module.a.assign(flat + m.a, flat + m.a + m.rank * m.in);
    module.b.assign(flat + m.b, flat + m.b + m.out * m.rank);
    adapter.modules.push_back(std::move(module));
  }
  return adapter;
}

PairOutcome PairTrainer::accumulate(const PairPlan& plan, std::span<const size_t> units,
                                    uint64_t step_key) {
  PairOutcome outcome;
  const std::vector<const Pair*> all = plan.pairs_of(units);
  outcome.labels = labels_of(all);
  if (outcome.labels == 0)
    throw Error("E0618",
                "step " + std::to_string(steps_ + 1) + " has no answer token to learn from",
                "Give every pair an answer.");
  for (const Pair* pair : all)
    outcome.tokens += static_cast<int64_t>(pair->prompt.ids.size() + pair->answer.size());
  outcome.weight = weight_of(all);
  const double scale = 1.0 / outcome.weight;
  bool accumulate = false;
  for (const std::vector<size_t>& pass : plan.passes(units, capacity_.pass)) {
    lay_out(plan.pairs_of(pass), settings_.dropout > 0 ? step_key : 0, step_);
    outcome.loss += decoder_->loss_and_gradients(step_, scale, gradients_.data(), accumulate);
    accumulate = true;
    outcome.computed += step_.rows();
    outcome.flops += flops_.row * static_cast<double>(step_.rows()) +
                     flops_.label * static_cast<double>(step_.labels.size());
  }
  outcome.gradient_norm =
      std::sqrt(sum_of_squares(gradients_.data(), static_cast<int64_t>(gradients_.size())));
  if (!std::isfinite(outcome.loss) || !std::isfinite(outcome.gradient_norm))
    throw Error("E0617", "step " + std::to_string(steps_ + 1) + ": the loss is no longer a number",
                "Lower learning_rate, or set base_weights = 'fp32' to see whether it is a matter "
                "of precision.");
  return outcome;
}

PairOutcome PairTrainer::step(const PairPlan& plan, std::span<const size_t> units,
                              double rate_factor, uint64_t step_key) {
  const PairOutcome outcome = accumulate(plan, units, step_key);
  update(outcome.gradient_norm, rate_factor);
  return outcome;
}

void PairTrainer::update(double gradient_norm, double rate_factor) {
  double scale = 1;  // torch.nn.utils.clip_grad_norm_
  if (settings_.clip_norm > 0) scale = std::min(1.0, settings_.clip_norm / (gradient_norm + 1e-6));
  const AdamW how{.beta1 = settings_.beta1,
                  .beta2 = settings_.beta2,
                  .eps = settings_.epsilon,
                  .step = ++steps_,
                  .gradient_scale = static_cast<float>(scale)};
  adamw_step(how, static_cast<float>(settings_.learning_rate * rate_factor),
             static_cast<float>(settings_.weight_decay), static_cast<int64_t>(adapter_.size()),
             adapter_.data(), gradients_.data(), m_.data(), v_.data());
  decoder_->adapter_changed();
}

std::vector<double> PairTrainer::score(std::span<const Pair> pairs, const ProgressSink& sink) {
  std::vector<double> sums(pairs.size());
  std::vector<const Pair*> pass;
  std::vector<size_t> places;
  std::vector<int32_t> label_of;
  std::vector<float> values;
  int64_t rows = 0, labels = 0;
  const auto run = [&] {
    if (pass.empty()) return;
    lay_out(pass, 0, step_, &label_of);
    values.resize(step_.labels.size());
    decoder_->label_log_probabilities(step_, values);
    for (size_t i = 0; i < values.size(); ++i)
      sums[places[static_cast<size_t>(label_of[i])]] += static_cast<double>(values[i]);
    pass.clear();
    places.clear();
    rows = labels = 0;
  };
  const Pair* last = nullptr;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Pair& pair = pairs[i];
    const auto prompt = static_cast<int64_t>(pair.prompt.ids.size());
    const auto answer = static_cast<int64_t>(pair.answer.size());
    if (prompt + answer > capacity_.most.positions + 1 || prompt == 0 || answer == 0)
      throw Error("E0347",
                  pair.id + ": " + std::to_string(prompt + answer) +
                      " tokens, and the model was set up for " +
                      std::to_string(capacity_.most.positions),
                  "Shorten the record's text, or raise max_tokens.");
    // Other answers to the prompt before cost their own rows only.
    const bool same =
        last && !pass.empty() && prompt >= kLeastShared && last->prompt.ids == pair.prompt.ids;
    int64_t more = (same ? 0 : prompt) + answer - 1;
    if (rows + more > capacity_.most.rows || labels + answer > capacity_.most.labels ||
        static_cast<int64_t>(pass.size()) == capacity_.pass.pairs) {
      run();
      more = prompt + answer - 1;
      throw_if_interrupted("run the same command again to go on from here");
      tell(sink, {.phase = "scoring",
                  .done = static_cast<double>(i),
                  .total = static_cast<double>(pairs.size()),
                  .unit = "answers"});
    }
    pass.push_back(&pair);
    places.push_back(i);
    rows += more;
    labels += answer;
    last = &pair;
  }
  run();
  return sums;
}

}  // namespace gantry
