#include "train/pretrain.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "models/masked_words.h"
#include "ops/adamw.h"
#include "ops/peak.h"
#include "tensor/instruction_set.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/update.h"
#include "train/write_model.h"
#include "weights/model_folder.h"

namespace gantry {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSecondsBetweenCheckpoints = 60;
constexpr double kMaskShare = 0.8, kOtherWordShare = 0.1;  // of the masked; Devlin et al. 2019

// Indices of the windows of each step of one epoch.
std::vector<std::vector<size_t>> steps_of(const std::vector<std::vector<int32_t>>& windows,
                                          const PretrainSettings& settings, int epoch) {
  std::vector<size_t> order(windows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random random(settings.seed, mix64(stream_of("pretraining order"), static_cast<uint64_t>(epoch)));
  random.shuffle(order);
  std::vector<std::vector<size_t>> steps;
  int64_t tokens = 0;
  for (size_t w : order) {
    const auto n = static_cast<int64_t>(windows[w].size());
    if (steps.empty() || tokens + n > settings.tokens_a_step) {
      steps.emplace_back();
      tokens = 0;
    }
    steps.back().push_back(w);
    tokens += n;
  }
  return steps;
}

CompactVocabulary vocabulary_of(const std::vector<std::vector<int32_t>>& windows, int32_t mask_id,
                                const EncoderConfig& config) {
  std::vector<Example> examples = {{.windows = {{mask_id}}}};
  for (const auto& w : windows) {
    const bool fits = !w.empty() && static_cast<int64_t>(w.size()) <= config.max_tokens &&
                      *std::min_element(w.begin(), w.end()) >= 0 &&
                      *std::max_element(w.begin(), w.end()) < config.vocab_size;
    if (!fits)
      throw Error("E0612",
                  "text " + std::to_string(&w - windows.data() + 1) +
                      ": no tokens, too many, or one outside the vocabulary",
                  "Check that the tokenizer belongs to the base model.");
    examples.push_back({.windows = {w}});
  }
  if (mask_id < 0 || mask_id >= config.vocab_size)
    throw Error("E0612", "the tokenizer has no mask token within the vocabulary",
                "Train without pretraining: this base model cannot guess masked words.");
  return CompactVocabulary::of(examples, {}, config.vocab_size);
}

class Pretraining {
 public:
  Pretraining(const ModelFolder& base, const PretrainSettings& settings,
              const std::vector<std::vector<int32_t>>& windows, int32_t mask_id)
      : base_(base),
        settings_(settings),
        windows_(windows),
        mask_id_(mask_id),
        vocabulary_(vocabulary_of(windows, mask_id, base.config())),
        table_(base.config(), {.masked_words = true}, {},
               static_cast<int64_t>(vocabulary_.ids().size())) {
    optimizer_.learning_rate = settings.learning_rate;
    optimizer_.head_learning_rate = settings.head_learning_rate;
    optimizer_.weight_decay = settings.weight_decay;
    optimizer_.clip_norm = settings.clip_norm;
    bf16_ = settings.precision == "bf16" ||
            (settings.precision == "auto" && instruction_set() == Isa::kAvx512);
    for (int e = 0; e < settings.epochs; ++e)
      total_steps_ += static_cast<int64_t>(steps_of(windows, settings, e).size());
    allocate();
    load_base_weights(base, table_, vocabulary_.ids(), settings.seed, weights_.data());
    model_->pack();
    identity_ = identity();
  }

  const std::string& id() const { return identity_; }

  void resume(CheckpointPair& checkpoints, const ProgressSink& sink) {
    const std::span<float> places[] = {weights_, m_, v_};
    const auto text = checkpoints.read(places);
    const nlohmann::json j = text ? nlohmann::json::parse(*text) : nlohmann::json::object();
    if (!text || j.at("identity") != identity_) {
      load_base_weights(base_, table_, vocabulary_.ids(), settings_.seed, weights_.data());
      std::fill(m_.begin(), m_.end(), 0.0f);
      std::fill(v_.begin(), v_.end(), 0.0f);
      return;
    }
    step_ = j.at("step");
    epoch_ = j.at("epoch");
    step_in_epoch_ = j.at("step_in_epoch");
    untouched_ = j.at("untouched_decay");
    result_.epoch_losses = j.at("epoch_losses").get<std::vector<double>>();
    result_.step_losses = j.at("step_losses").get<std::vector<float>>();
    result_.useful_tokens = j.at("useful_tokens");
    result_.training_seconds = j.at("training_seconds");
    model_->pack();
    tell(sink, "pretraining: goes on from step " + std::to_string(step_ + 1));
  }

  void run(CheckpointPair& checkpoints, const ProgressSink& sink) {
    auto saved = Clock::now();
    for (; epoch_ < settings_.epochs; ++epoch_, step_in_epoch_ = 0) {
      const auto steps = steps_of(windows_, settings_, epoch_);
      while (step_in_epoch_ < steps.size()) {
        const double seconds = std::chrono::duration<double>(Clock::now() - saved).count();
        if (interrupted() || seconds > kSecondsBetweenCheckpoints) {
          save(checkpoints);
          saved = Clock::now();
          throw_if_interrupted("run the same command again to go on from here");
        }
        run_step(steps[step_in_epoch_++]);
        tell_step(sink);
      }
      end_epoch(steps.size(), sink);
    }
  }

  PretrainResult finish(const std::filesystem::path& folder) {
    result_.useful_tokens_per_second =
        static_cast<double>(result_.useful_tokens) / result_.training_seconds;
    result_.percent_of_ceiling = 100 * result_.useful_tokens_per_second *
                                 encoder_flops(base_.config(), {}, false).training /
                                 matrix_peak(bf16_);
    write_base_folder(base_, table_, vocabulary_, weights_, untouched_,
                      {{"pretraining.json", description().dump(1) + "\n"}}, folder);
    return result_;
  }

  static PretrainResult read(const nlohmann::json& j) {
    PretrainResult r;
    r.epoch_losses = j.at("epoch_losses").get<std::vector<double>>();
    r.step_losses = j.at("step_losses").get<std::vector<float>>();
    r.useful_tokens = j.at("useful_tokens");
    r.training_seconds = j.at("training_seconds");
    r.useful_tokens_per_second = j.at("useful_tokens_per_second");
    r.percent_of_ceiling = j.at("percent_of_ceiling");
    return r;
  }

 private:
  void allocate() {
    size_t longest = 0;
    int64_t most = 1;
    for (const auto& w : windows_) longest = std::max(longest, w.size());
    const int64_t rows =
        padded_rows(std::max<int64_t>(settings_.tokens_a_step, static_cast<int64_t>(longest)));
    for (int e = 0; e < settings_.epochs; ++e)
      for (const auto& step : steps_of(windows_, settings_, e))
        most = std::max(most, static_cast<int64_t>(step.size()));
    const StepCapacity capacity = {.rows = rows, .windows = most, .reports = most};
    packed_.reserve(capacity);
    TensorSpecs specs;
    const int64_t n = table_.size();
    const int weights = specs.add("weights", {n}, DType::kF32, "weights");
    const int gradients = specs.add("gradients", {n}, DType::kF32, "gradients");
    const int m = specs.add("first moments", {n}, DType::kF32, "AdamW moments");
    const int v = specs.add("second moments", {n}, DType::kF32, "AdamW moments");
    // Masked words are drawn one by one: twice their expected number is never reached by chance.
    masked_rows_ = std::min(
        rows, static_cast<int64_t>(2 * settings_.masked_share * static_cast<double>(rows)) + 64);
    model_ = MaskedWordsModel::create(base_.config(), table_, capacity, masked_rows_, bf16_, specs);
    arena_ = std::make_unique<Arena>(specs);
    const auto span = [&](int t) {
      return std::span<float>(arena_->data<float>(t), static_cast<size_t>(n));
    };
    weights_ = span(weights);
    gradients_ = span(gradients);
    m_ = span(m);
    v_ = span(v);
    model_->bind(*arena_, weights_.data());
  }

  std::string identity() const {
    Sha256 hash;
    hash.update(settings_.to_json());
    hash.update(bf16_ ? "bf16" : "fp32");
    hash.update(&mask_id_, sizeof mask_id_);
    for (const auto& w : windows_) {
      const uint64_t n = w.size();
      hash.update(&n, sizeof n);
      hash.update(w.data(), n * sizeof(int32_t));
    }
    hash.update(weights_.data(), weights_.size_bytes());
    return hash.hex();
  }

  // Packs the step's windows, masked; fills masked_.
  void pack_step(const std::vector<size_t>& indices) {
    packed_.clear();
    masked_ = {};
    std::vector<int32_t> changed;
    for (size_t w : indices) {
      const std::vector<int32_t>& window = windows_[w];
      const auto first = static_cast<int32_t>(packed_.live());
      const uint64_t key = mix64(mix64(settings_.seed, static_cast<uint64_t>(epoch_)), w);
      Random random(key, stream_of("masked words"));
      changed = window;
      for (size_t i = 1; i + 1 < window.size(); ++i) {
        const bool hit = random.uniform() < settings_.masked_share;
        const double kind = random.uniform();
        const uint64_t other = random.below(vocabulary_.ids().size());
        if (!hit || static_cast<int64_t>(masked_.rows.size()) == masked_rows_) continue;
        masked_.rows.push_back(first + static_cast<int32_t>(i));
        masked_.targets.push_back(vocabulary_.row(window[i]));
        if (kind < kMaskShare)
          changed[i] = mask_id_;
        else if (kind < kMaskShare + kOtherWordShare)
          changed[i] = vocabulary_.ids()[other];
      }
      packed_.add_window(changed, vocabulary_, base_.config().position_offset, key);
    }
    packed_.finish();
  }

  void run_step(const std::vector<size_t>& indices) {
    const auto begin = Clock::now();
    pack_step(indices);
    fill_zero(gradients_.data(), table_.depth_begin(1) * static_cast<int64_t>(sizeof(float)));
    const auto n = static_cast<int64_t>(masked_.rows.size());
    const double loss =
        model_->train(packed_, masked_, std::max<int64_t>(1, n),
                      {.hidden = static_cast<float>(settings_.dropout),
                       .attention = static_cast<float>(settings_.attention_dropout)},
                      {.data = gradients_.data()});
    const double norm = std::sqrt(sum_of_squares(gradients_.data(), table_.size()));
    if (!std::isfinite(loss) || !std::isfinite(norm))
      throw Error(
          "E0617",
          "pretraining, step " + std::to_string(step_ + 1) + ": the loss is no longer a number",
          "Lower the learning rate of pretraining.");
    const auto warmup = std::llround(settings_.warmup_share * static_cast<double>(total_steps_));
    const double factor = rate_factor("linear", step_ + 1, warmup + 1, total_steps_ + 1);
    untouched_ *= update_parameters(table_, 0, optimizer_, {++step_, factor, norm},
                                    {.weights = weights_.data(),
                                     .gradients = gradients_.data(),
                                     .m = m_.data(),
                                     .v = v_.data()});
    model_->pack();
    result_.step_losses.push_back(static_cast<float>(loss));
    result_.useful_tokens += packed_.live();
    result_.training_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  }

  void tell_step(const ProgressSink& sink) const {
    if (!sink) return;
    const double rate = static_cast<double>(result_.useful_tokens) / result_.training_seconds;
    tell(sink, {.phase = "pretraining, epoch " + std::to_string(epoch_ + 1) + " of " +
                         std::to_string(settings_.epochs),
                .done = static_cast<double>(step_),
                .total = static_cast<double>(total_steps_),
                .unit = "steps",
                .detail = "loss " + format_double(result_.step_losses.back(), 3) + ", " +
                          with_commas(std::llround(rate)) + " tokens/s"});
  }

  void end_epoch(size_t steps, const ProgressSink& sink) {
    const auto& losses = result_.step_losses;
    const double mean =
        std::accumulate(losses.end() - static_cast<std::ptrdiff_t>(steps), losses.end(), 0.0) /
        static_cast<double>(steps);
    result_.epoch_losses.push_back(mean);
    tell(sink, "pretraining, epoch " + std::to_string(epoch_ + 1) + " of " +
                   std::to_string(settings_.epochs) + ": loss " + format_double(mean, 4));
  }

  nlohmann::json description() const {
    return {{"identity", identity_},
            {"settings", nlohmann::json::parse(settings_.to_json())},
            {"texts", windows_.size()},
            {"step", step_},
            {"epoch", epoch_},
            {"step_in_epoch", step_in_epoch_},
            {"untouched_decay", untouched_},
            {"epoch_losses", result_.epoch_losses},
            {"step_losses", result_.step_losses},
            {"useful_tokens", result_.useful_tokens},
            {"training_seconds", result_.training_seconds},
            {"useful_tokens_per_second", result_.useful_tokens_per_second},
            {"percent_of_ceiling", result_.percent_of_ceiling}};
  }

  void save(CheckpointPair& checkpoints) const {
    const std::span<const float> values[] = {weights_, m_, v_};
    checkpoints.write(description().dump(), values);
  }

  const ModelFolder& base_;
  PretrainSettings settings_;
  const std::vector<std::vector<int32_t>>& windows_;
  int32_t mask_id_;
  CompactVocabulary vocabulary_;
  ParameterTable table_;
  FineTuneSettings optimizer_;
  bool bf16_ = false;
  int64_t total_steps_ = 0, masked_rows_ = 0;
  std::unique_ptr<MaskedWordsModel> model_;
  std::unique_ptr<Arena> arena_;
  std::span<float> weights_, gradients_, m_, v_;
  std::string identity_;
  PackedStep packed_;
  MaskedWords masked_;
  PretrainResult result_;
  int64_t step_ = 0;
  int epoch_ = 0;
  size_t step_in_epoch_ = 0;
  double untouched_ = 1;
};

}  // namespace

std::string PretrainSettings::to_json() const {
  return nlohmann::json{{"epochs", epochs},
                        {"tokens_a_step", tokens_a_step},
                        {"masked_share", masked_share},
                        {"learning_rate", learning_rate},
                        {"head_learning_rate", head_learning_rate},
                        {"warmup_share", warmup_share},
                        {"weight_decay", weight_decay},
                        {"clip_norm", clip_norm},
                        {"dropout", dropout},
                        {"attention_dropout", attention_dropout},
                        {"precision", precision},
                        {"seed", seed}}
      .dump();
}

PretrainResult pretrain(const ModelFolder& base, const PretrainSettings& settings,
                        const std::vector<std::vector<int32_t>>& windows, int32_t mask_id,
                        const std::filesystem::path& work_folder,
                        const std::filesystem::path& folder, const ProgressSink& sink) {
  if (windows.empty())
    throw Error("E0613", "there are no texts to pretrain on", "Import reports first.");
  base.check();
  check_encoder_shape(base.config());
  Pretraining work(base, settings, windows, mask_id);
  const std::filesystem::path made = folder / "pretraining.json";
  if (std::filesystem::exists(made)) {
    const nlohmann::json j = nlohmann::json::parse(read_file(made));
    if (j.at("identity") == work.id()) return Pretraining::read(j);
  }
  make_private_folder(work_folder);
  CheckpointPair checkpoints(work_folder);
  work.resume(checkpoints, sink);
  work.run(checkpoints, sink);
  const PretrainResult result = work.finish(folder);
  checkpoints.remove();
  return result;
}

}  // namespace gantry
