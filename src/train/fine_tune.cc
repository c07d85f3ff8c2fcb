#include "train/fine_tune.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/threads.h"
#include "ops/peak.h"
#include "tensor/instruction_set.h"
#include "train/checkpoint.h"
#include "train/order.h"
#include "train/process_memory.h"
#include "train/restart_json.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include "train/tuning_metrics.h"
#include "train/write_model.h"
#include "weights/model_folder.h"
#include "weights/peft.h"

namespace gantry {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSecondsBetweenCheckpoints = 60;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool wants_bf16(const std::string& precision) {
  return precision == "bf16" || (precision == "auto" && instruction_set() == Isa::kAvx512);
}

void check_examples(std::span<const Example> examples, const char* set, const EncoderConfig& config,
                    const FineTuneSettings& settings) {
  for (size_t i = 0; i < examples.size(); ++i) {
    const Example& e = examples[i];
    const auto fail = [&](const std::string& why) {
      throw Error("E0612", std::string(set) + " set, report " + std::to_string(i + 1) + ": " + why,
                  "Check that the tokenizer belongs to the base model.");
    };
    if (e.label < -1 || e.label >= settings.classes)
      fail("label " + std::to_string(e.label) + " of " + std::to_string(settings.classes) +
           " classes");
    if (e.windows.empty()) fail("no tokens");
    for (const auto& w : e.windows) {
      if (w.empty()) fail("an empty window");
      if (static_cast<int64_t>(w.size()) > config.max_tokens)
        fail("a window of " + std::to_string(w.size()) + " tokens, and the model takes " +
             std::to_string(config.max_tokens));
      for (int32_t id : w)
        if (id < 0 || id >= config.vocab_size)
          fail("token " + std::to_string(id) + " of a vocabulary of " +
               std::to_string(config.vocab_size));
    }
  }
}

void check_classes(std::span<const Example> training, const FineTuneSettings& settings) {
  std::vector<int64_t> count(static_cast<size_t>(settings.classes));
  for (const Example& e : training) {
    if (e.label < 0)
      throw Error("E0613", "a training report has no label", "Train on labelled reports only.");
    ++count[static_cast<size_t>(e.label)];
  }
  for (size_t c = 0; c < count.size(); ++c)
    if (count[c] == 0)
      throw Error("E0613",
                  "class " + std::to_string(c) + " has no report in the training set of " +
                      with_commas(static_cast<int64_t>(training.size())),
                  "Import reports of this group, or widen the training set's dates.");
}

void hash_examples(Sha256& hash, std::span<const Example> examples) {
  const uint64_t n = examples.size();
  hash.update(&n, sizeof n);
  for (const Example& e : examples) {
    hash.update(&e.key, sizeof e.key);
    hash.update(&e.label, sizeof e.label);
    hash.update(&e.weight, sizeof e.weight);
    for (const auto& w : e.windows) {
      const uint64_t length = w.size();
      hash.update(&length, sizeof length);
      hash.update(w.data(), w.size() * sizeof(int32_t));
    }
  }
}

// The metric, so that more is better; of equal epochs the one with the lower tuning loss is kept,
// but only a better metric makes a run go on (patience).
std::pair<double, double> rank_of(const EpochRecord& e, const std::string& metric) {
  const double value = metric == "loss"       ? -e.tuning_loss
                       : metric == "accuracy" ? e.accuracy
                                              : e.macro_f1;
  return {value, -e.tuning_loss};
}

}  // namespace

struct FineTuner::Impl {
  const ModelFolder base;
  FineTuneSettings settings;
  std::vector<Example> training, tuning;
  std::filesystem::path work_folder;
  ProgressSink sink;
  bool bf16 = false;
  double peak = 0;  // floating-point operations a second
  CompactVocabulary vocabulary;
  int64_t memory_limit = 0;
  std::unique_ptr<Trainer> trainer;  // only while there is work: see Working
  std::string memory_table;
  int64_t memory_bytes = 0;
  double flops_per_token = 0;
  std::string identity;

  // One restart under way.
  struct State {
    RestartResult result;
    int epoch = 0;
    int64_t step_in_epoch = 0;
    double epoch_loss = 0;  // sum over the steps of the epoch so far
    double epoch_seconds = 0;
    int since_best = 0;  // epochs
    int averaged = 0;    // epochs in the average
    double best_untouched_decay = 1;
    bool finished = false;
  };

  Impl(const ModelFolder& base_folder, FineTuneSettings s, std::vector<Example> train,
       std::vector<Example> tune, std::filesystem::path work, ProgressSink progress);

  int64_t steps_per_epoch() const {
    const auto n = static_cast<int64_t>(training.size());
    return (n + settings.batch_reports - 1) / settings.batch_reports;
  }
  int64_t total_steps() const { return steps_per_epoch() * settings.epochs; }
  uint64_t seed_of(int restart) const {
    return mix64(settings.seed, static_cast<uint64_t>(restart));
  }
  std::filesystem::path folder_of(int restart) const {
    return work_folder / ("restart-" + std::to_string(restart));
  }
  std::filesystem::path weights_of(int restart) const {
    return folder_of(restart) / "best.weights";
  }

  // Holds the trainer's memory while it lives, so that several tuners can stand side by side.
  struct Working {
    explicit Working(Impl& m) : impl(m) {
      if (!impl.trainer)
        impl.trainer = std::make_unique<Trainer>(
            impl.base, impl.settings, impl.vocabulary,
            training_shape(impl.training, impl.tuning, impl.settings.batch_reports), impl.bf16,
            available_memory());
    }
    ~Working() { impl.trainer.reset(); }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;
    Impl& impl;
  };

  std::string compute_identity();
  std::vector<std::span<float>> arrays();
  void save(CheckpointPair& checkpoints, const State& state);
  State begin(CheckpointPair& checkpoints, int restart);
  std::optional<RestartResult> finished(int restart);
  void run_epoch(State& state, CheckpointPair& checkpoints);
  void run_step(State& state, const std::vector<size_t>& order);
  void tell_step(const State& state, const StepOutcome& outcome) const;
  void average_step(const State& state);
  bool average_epoch(State& state);
  void end_epoch(State& state);
  EpochRecord evaluate(std::vector<float>& logits);
  void keep_best(State& state, std::vector<float> logits);
  double load_best(int restart);
  void finish(State& state);
};

FineTuner::Impl::Impl(const ModelFolder& base_folder, FineTuneSettings s,
                      std::vector<Example> train, std::vector<Example> tune,
                      std::filesystem::path work, ProgressSink progress)
    : base(ModelFolder::open(base_folder.path())),
      settings(std::move(s)),
      training(std::move(train)),
      tuning(std::move(tune)),
      work_folder(std::move(work)),
      sink(std::move(progress)) {
  settings.check();
  base.check();
  check_encoder_shape(base.config());
  if (training.empty())
    throw Error("E0613", "the training set is empty", "Import labelled reports first.");
  check_examples(training, "training", base.config(), settings);
  check_examples(tuning, "tuning", base.config(), settings);
  check_classes(training, settings);
  vocabulary = CompactVocabulary::of(training, tuning, base.config().vocab_size);
  bf16 = wants_bf16(settings.precision);
  peak = matrix_peak(bf16);
  const Working working(*this);
  trainer->start(settings.seed);
  identity = compute_identity();
  memory_table = trainer->memory_table();
  memory_bytes = trainer->memory_bytes();
  flops_per_token = trainer->flops_per_token();
  make_private_folder(work_folder);
}

std::string FineTuner::Impl::compute_identity() {
  Sha256 hash;
  hash.update(settings.to_json());
  hash.update(bf16 ? "bf16" : "fp32");
  hash_examples(hash, training);
  hash_examples(hash, tuning);
  const std::span<const float> weights = trainer->weights();
  hash.update(weights.data(), weights.size_bytes());
  return hash.hex();
}

// What a checkpoint holds beside its JSON.
std::vector<std::span<float>> FineTuner::Impl::arrays() {
  std::vector<std::span<float>> all = {trainer->trainable(), trainer->first_moments(),
                                       trainer->second_moments()};
  if (!trainer->average().empty()) all.push_back(trainer->average());
  return all;
}

void FineTuner::Impl::save(CheckpointPair& checkpoints, const State& s) {
  const nlohmann::json j = {{"identity", identity},
                            {"result", restart_to_json(s.result)},
                            {"epoch", s.epoch},
                            {"step_in_epoch", s.step_in_epoch},
                            {"epoch_loss", s.epoch_loss},
                            {"epoch_seconds", s.epoch_seconds},
                            {"since_best", s.since_best},
                            {"averaged", s.averaged},
                            {"best_untouched_decay", s.best_untouched_decay},
                            {"finished", s.finished},
                            {"steps", trainer->steps()},
                            {"untouched_decay", trainer->untouched_decay()}};
  std::vector<std::span<const float>> values;
  for (std::span<float> a : arrays()) values.push_back(a);
  checkpoints.write(j.dump(), values);
}

FineTuner::Impl::State FineTuner::Impl::begin(CheckpointPair& checkpoints, int restart) {
  State s;
  s.result.restart = restart;
  s.result.seed = seed_of(restart);
  trainer->start(seed_of(restart));
  const std::vector<std::span<float>> places = arrays();
  const auto text = checkpoints.read(places);
  if (!text) {
    trainer->start(seed_of(restart));
    return s;
  }
  const nlohmann::json j = nlohmann::json::parse(*text);
  if (j.at("identity") != identity)
    throw Error("E0616",
                folder_of(restart).string() +
                    ": its checkpoint was made with other settings, reports or weights",
                "Remove the folder to train anew, or go back to the settings it was made with.");
  s.result = restart_from_json(j.at("result"));
  s.epoch = j.at("epoch");
  s.step_in_epoch = j.at("step_in_epoch");
  s.epoch_loss = j.at("epoch_loss");
  s.epoch_seconds = j.at("epoch_seconds");
  s.since_best = j.at("since_best");
  s.averaged = j.at("averaged");
  s.best_untouched_decay = j.at("best_untouched_decay");
  s.finished = j.at("finished");
  trainer->resume(j.at("steps"), j.at("untouched_decay"));
  tell(sink, "restart " + std::to_string(restart + 1) + ": goes on from epoch " +
                 std::to_string(s.epoch + 1) + ", step " + std::to_string(s.step_in_epoch + 1));
  return s;
}

std::optional<RestartResult> FineTuner::Impl::finished(int restart) {
  const std::filesystem::path path = folder_of(restart) / "result.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const nlohmann::json j = nlohmann::json::parse(read_file(path));
  if (j.at("identity") != identity)
    throw Error("E0616",
                path.string() +
                    ": this restart was trained with other settings, reports or "
                    "weights",
                "Remove the folder to train anew, or go back to the settings it was made with.");
  if (!read_floats_file_json(weights_of(restart))) return std::nullopt;
  return restart_from_json(j.at("result"));
}

void FineTuner::Impl::tell_step(const State& s, const StepOutcome& outcome) const {
  if (!sink) return;
  const double rate = s.result.useful_tokens / s.result.training_seconds;
  char detail[160];
  std::snprintf(
      detail, sizeof detail, "loss %.4f, rate %.2e, gradient %.2f, %s tokens/s, %.0f %% of ceiling",
      outcome.loss, static_cast<double>(s.result.steps.back().learning_rate), outcome.gradient_norm,
      with_commas(std::llround(rate)).c_str(), 100 * rate * flops_per_token / peak);
  tell(sink, {.phase = "restart " + std::to_string(s.result.restart + 1) + ", epoch " +
                       std::to_string(s.epoch + 1) + " of " + std::to_string(settings.epochs),
              .done = static_cast<double>(s.result.steps.size()),
              .total = static_cast<double>(total_steps()),
              .unit = "steps",
              .detail = detail});
}

void FineTuner::Impl::run_step(State& s, const std::vector<size_t>& order) {
  const auto begin_clock = Clock::now();
  const auto batch = static_cast<size_t>(settings.batch_reports);
  const size_t begin = static_cast<size_t>(s.step_in_epoch) * batch;
  std::vector<const Example*> reports;
  for (size_t i = begin; i < std::min(begin + batch, order.size()); ++i)
    reports.push_back(&training[order[i]]);

  const int64_t step = trainer->steps(), total = total_steps();
  const auto warmup =
      static_cast<int64_t>(std::llround(settings.warmup_share * static_cast<double>(total)));
  // One on, so that neither the first nor the last step is lost to a rate of 0.
  const double factor = rate_factor(settings.schedule, step + 1, warmup + 1, total + 1);
  const StepOutcome outcome =
      trainer->step(reports, factor,
                    mix64(s.result.seed, mix64(stream_of("dropout"), static_cast<uint64_t>(step))));
  average_step(s);

  const double seconds = seconds_since(begin_clock);
  s.result.training_seconds += seconds;
  s.epoch_seconds += seconds;
  s.result.useful_tokens += outcome.tokens;
  s.epoch_loss += outcome.loss;
  s.result.steps.push_back({.loss = static_cast<float>(outcome.loss),
                            .learning_rate = static_cast<float>(settings.learning_rate * factor),
                            .gradient_norm = static_cast<float>(outcome.gradient_norm),
                            .tokens = static_cast<int32_t>(outcome.tokens)});
  ++s.step_in_epoch;
  tell_step(s, outcome);
}

// averaging = ema: after every step, with a shorter memory at the beginning.
void FineTuner::Impl::average_step(const State&) {
  if (settings.averaging != "ema") return;
  const auto t = static_cast<double>(trainer->steps());
  const auto keep = static_cast<float>(std::min(settings.ema_decay, t / (t + 10)));
  const std::span<float> average = trainer->average(), weights = trainer->trainable();
  parallel_for(static_cast<int64_t>(average.size()), 1 << 16, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const auto k = static_cast<size_t>(i);
      average[k] = keep * average[k] + (1 - keep) * weights[k];
    }
  });
}

// averaging = last_epochs: the mean over the ends of the last epochs. Whether the average is what
// is to be tested after this epoch.
bool FineTuner::Impl::average_epoch(State& s) {
  if (settings.averaging == "ema") return true;
  if (settings.averaging != "last_epochs" || s.epoch < settings.epochs - settings.averaged_epochs)
    return false;
  const float share = 1.0f / static_cast<float>(++s.averaged);
  const std::span<float> average = trainer->average(), weights = trainer->trainable();
  for (size_t i = 0; i < average.size(); ++i) average[i] += share * (weights[i] - average[i]);
  return true;
}

EpochRecord FineTuner::Impl::evaluate(std::vector<float>& logits) {
  logits.resize(tuning.size() * static_cast<size_t>(settings.classes));
  if (!tuning.empty()) trainer->logits(tuning, logits.data());
  const TuningMetrics m = tuning_metrics(logits, tuning, settings.classes);
  return {.tuning_loss = m.loss,
          .accuracy = m.accuracy,
          .macro_f1 = m.macro_f1,
          .f1 = m.f1,
          .sensitivity = m.sensitivity};
}

void FineTuner::Impl::keep_best(State& s, std::vector<float> logits) {
  s.result.best_epoch = s.epoch;
  s.result.tuning_logits = std::move(logits);
  s.result.weights = weights_of(s.result.restart);
  s.best_untouched_decay = trainer->untouched_decay();
  const nlohmann::json j = {
      {"identity", identity}, {"epoch", s.epoch}, {"untouched_decay", s.best_untouched_decay}};
  const std::span<const float> values[] = {trainer->trainable()};
  write_floats_file(s.result.weights, j.dump(), values);
}

void FineTuner::Impl::end_epoch(State& s) {
  const bool averaged = average_epoch(s);
  const auto swap_average = [&] {
    if (!averaged) return;
    std::swap_ranges(trainer->average().begin(), trainer->average().end(),
                     trainer->trainable().begin());
    trainer->weights_changed();
  };
  swap_average();
  std::vector<float> logits;
  EpochRecord record = evaluate(logits);
  record.training_loss = s.epoch_loss / static_cast<double>(steps_per_epoch());
  record.seconds = s.epoch_seconds;
  s.result.epochs.push_back(record);
  const auto rank = rank_of(record, settings.metric);
  std::pair<double, double> best = {-std::numeric_limits<double>::infinity(), 0};
  if (s.result.best_epoch >= 0 && !tuning.empty())
    best = rank_of(s.result.epochs[static_cast<size_t>(s.result.best_epoch)], settings.metric);
  const bool better = rank > best;
  s.since_best = rank.first > best.first ? 0 : s.since_best + 1;
  if (better) {
    s.result.best_metric = settings.metric == "loss" ? record.tuning_loss : rank.first;
    keep_best(s, std::move(logits));
  }
  swap_average();
  char line[200];
  std::snprintf(line, sizeof line,
                "restart %d, epoch %d of %d: training loss %.4f, tuning loss %.4f, accuracy %.4f, "
                "macro F1 %.4f%s",
                s.result.restart + 1, s.epoch + 1, settings.epochs, record.training_loss,
                record.tuning_loss, record.accuracy, record.macro_f1, better ? " *" : "");
  tell(sink, std::string(line));
  s.result.stopped_early =
      settings.patience > 0 && s.since_best >= settings.patience && s.epoch + 1 < settings.epochs;
  ++s.epoch;
  s.step_in_epoch = 0;
  s.epoch_loss = s.epoch_seconds = 0;
  s.finished = s.result.stopped_early || s.epoch == settings.epochs;
}

void FineTuner::Impl::run_epoch(State& s, CheckpointPair& checkpoints) {
  const std::vector<size_t> order =
      epoch_order(training, s.result.seed, s.epoch, settings.batch_reports, settings.even_steps);
  auto saved = Clock::now();
  while (s.step_in_epoch < steps_per_epoch()) {
    if (interrupted()) {
      save(checkpoints, s);
      throw_if_interrupted("run the same command again to go on from here");
    }
    run_step(s, order);
    if (seconds_since(saved) > kSecondsBetweenCheckpoints) {
      save(checkpoints, s);
      saved = Clock::now();
    }
  }
  end_epoch(s);
}

void FineTuner::Impl::finish(State& s) {
  RestartResult& r = s.result;
  r.useful_tokens_per_second = static_cast<double>(r.useful_tokens) / r.training_seconds;
  peak = matrix_peak_again(bf16);
  r.percent_of_ceiling = 100 * r.useful_tokens_per_second * flops_per_token / peak;
  r.peak_memory_bytes = std::max(r.peak_memory_bytes, peak_memory());
  const nlohmann::json j = {{"identity", identity}, {"result", restart_to_json(r)}};
  write_file_atomically(folder_of(r.restart) / "result.json", j.dump());
}

// The chosen weights of a finished restart into the trainer, packed. Returns their untouched decay.
double FineTuner::Impl::load_best(int restart) {
  trainer->start(seed_of(restart));
  const std::span<float> places[] = {trainer->trainable()};
  const auto text = read_floats_file(weights_of(restart), places);
  if (!text || nlohmann::json::parse(*text).at("identity") != identity)
    throw Error("E0615",
                weights_of(restart).string() + ": not there, damaged, or of other settings",
                "Train this restart again.");
  const double decay = nlohmann::json::parse(*text).at("untouched_decay");
  trainer->resume(0, decay);
  return decay;
}

FineTuner::FineTuner(const ModelFolder& base, FineTuneSettings settings,
                     std::vector<Example> training, std::vector<Example> tuning,
                     std::filesystem::path work_folder, ProgressSink sink)
    : impl_(std::make_unique<Impl>(base, std::move(settings), std::move(training),
                                   std::move(tuning), std::move(work_folder), std::move(sink))) {}

FineTuner::~FineTuner() = default;

RestartResult FineTuner::run(int restart) {
  Impl& m = *impl_;
  make_private_folder(m.folder_of(restart));
  CheckpointPair checkpoints(m.folder_of(restart));
  if (auto result = m.finished(restart)) {
    checkpoints.remove();
    return *result;
  }
  const Impl::Working working(m);
  Impl::State state = m.begin(checkpoints, restart);
  const double before = state.result.seconds;
  const auto begin = Clock::now();
  while (!state.finished) {
    m.run_epoch(state, checkpoints);
    state.result.seconds = before + seconds_since(begin);
    if (!state.finished) m.save(checkpoints, state);
  }
  m.finish(state);
  checkpoints.remove();
  return state.result;
}

void FineTuner::write_model(const std::vector<int>& restarts, const std::filesystem::path& folder,
                            const ModelDescription& description) const {
  Impl& m = *impl_;
  GANTRY_CHECK(!restarts.empty());
  const Impl::Working working(m);
  const LoraShape lora = lora_shape(m.settings);
  std::vector<double> sum;
  std::optional<PeftAdapter> adapter;
  double decay = 0;
  for (int restart : restarts) {
    decay += m.load_best(restart);
    if (lora.rank > 0 && restarts.size() == 1)
      adapter = trained_adapter(m.base, m.settings, m.trainer->table(), m.trainer->weights());
    merge_lora(m.base.config(), m.trainer->table(), lora, m.trainer->weights().data());
    const std::span<const float> weights = m.trainer->weights();
    sum.resize(weights.size());
    for (size_t i = 0; i < weights.size(); ++i) sum[i] += weights[i];
  }
  const auto n = static_cast<double>(restarts.size());
  std::vector<float> mean(sum.size());
  for (size_t i = 0; i < sum.size(); ++i) mean[i] = static_cast<float>(sum[i] / n);
  write_classifier_folder(m.base, m.settings, m.trainer->table(), m.vocabulary, mean, decay / n,
                          description, folder);
  if (adapter) write_peft_adapter(folder / "adapter", *adapter, m.base.config());
}

std::vector<float> FineTuner::logits(int restart, const std::vector<Example>& examples) {
  Impl& m = *impl_;
  check_examples(examples, "given", m.base.config(), m.settings);
  for (const Example& e : examples)
    for (const auto& w : e.windows)
      for (int32_t id : w)
        if (m.vocabulary.row(id) < 0)
          throw Error("E0612", "token " + std::to_string(id) + " is not in the compact vocabulary",
                      "Write the model and open it with a Classifier.");
  const Impl::Working working(m);
  m.load_best(restart);
  std::vector<float> out(examples.size() * static_cast<size_t>(m.settings.classes));
  m.trainer->logits(examples, out.data());
  return out;
}

std::string FineTuner::precision() const { return impl_->bf16 ? "bf16" : "fp32"; }
std::string FineTuner::memory_table() const { return impl_->memory_table; }
int64_t FineTuner::memory_bytes() const { return impl_->memory_bytes; }
double FineTuner::ceiling_tokens_per_second() const { return impl_->peak / impl_->flops_per_token; }
double FineTuner::matmul_peak_gflops() const { return impl_->peak / 1e9; }

}  // namespace gantry
