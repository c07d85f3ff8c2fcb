#include "train/pair_tuning.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "ops/peak.h"
#include "train/checkpoint.h"
#include "train/pair_json.h"
#include "train/pair_packing.h"
#include "train/pair_trainer.h"
#include "train/process_memory.h"
#include "train/schedule.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_folder.h"

namespace gantry {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSecondsBetweenCheckpoints = 60;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void check_pair(const Pair& pair, int64_t vocabulary) {
  const auto fail = [&](const std::string& why) {
    throw Error("E0612", pair.id + ": " + why,
                "Give every pair a prompt and an answer, made with the base model's tokenizer.");
  };
  if (pair.prompt.ids.empty()) fail("an empty prompt");
  if (pair.answer.empty()) fail("an empty answer, from which nothing can be learned");
  for (const auto* ids : {&pair.prompt.ids, &pair.answer})
    for (int32_t id : *ids)
      if (id < 0 || id >= vocabulary)
        fail("token " + std::to_string(id) + " of a vocabulary of " + std::to_string(vocabulary));
}

void hash_pairs(Sha256& hash, std::span<const Pair> pairs) {
  const uint64_t n = pairs.size();
  hash.update(&n, sizeof n);
  for (const Pair& pair : pairs) {
    hash.update(&pair.key, sizeof pair.key);
    hash.update(&pair.token_weight, sizeof pair.token_weight);
    for (const auto* ids : {&pair.prompt.ids, &pair.answer}) {
      const uint64_t length = ids->size();
      hash.update(&length, sizeof length);
      hash.update(ids->data(), ids->size() * sizeof(int32_t));
    }
  }
}

double loss_weight(std::span<const Pair> pairs) {
  std::vector<const Pair*> all;
  for (const Pair& pair : pairs) all.push_back(&pair);
  return weight_of(all);
}

}  // namespace

struct PairTuner::Impl {
  PairTuneSettings settings;
  std::vector<Pair> training, tuning;
  std::filesystem::path work_folder;
  ProgressSink sink;
  TuningMetric metric;
  std::function<std::string(int32_t)> piece_of;
  DecoderAdapterAbout about;
  std::vector<ShortenedPair> shortened;
  std::optional<PairPlan> plan;
  std::unique_ptr<PairTrainer> trainer;
  std::string identity;
  double peak = 0;  // floating-point operations a second

  // One restart under way.
  struct State {
    PairTuneResult result;
    int epoch = 0;
    int64_t step_in_epoch = 0;
    double epoch_loss = 0;  // weighted sum over the answer tokens of the epoch so far
    double epoch_weight = 0;
    double epoch_seconds = 0, flops = 0;
    int since_best = 0;  // epochs
    int64_t total_steps = 0;
    bool finished = false;
  };

  class View : public TunedView {
   public:
    View(Impl& m, int epoch, double loss) : impl_(m), epoch_(epoch), loss_(loss) {}
    int epoch() const override { return epoch_; }
    double tuning_loss() const override { return loss_; }
    std::vector<double> score(std::span<const Pair> pairs) const override {
      return impl_.trainer->score(pairs, impl_.sink);
    }
    PeftAdapter adapter() const override {
      return impl_.trainer->peft_adapter(impl_.about.base_name);
    }

   private:
    Impl& impl_;
    int epoch_;
    double loss_;
  };

  void fit(std::vector<Pair>& pairs, int64_t limit);
  std::string compute_identity(const std::string& base_hash) const;
  uint64_t seed_of(int restart) const {
    return mix64(settings.seed, static_cast<uint64_t>(restart));
  }
  std::filesystem::path folder_of(int restart) const {
    return work_folder / ("restart-" + std::to_string(restart));
  }
  std::filesystem::path weights_of(int restart) const {
    return folder_of(restart) / "best.adapter";
  }
  int64_t count_steps(uint64_t seed) const;
  std::vector<std::span<float>> arrays() {
    return {trainer->adapter(), trainer->first_moments(), trainer->second_moments()};
  }
  void save(CheckpointPair& checkpoints, const State& state);
  State begin(CheckpointPair& checkpoints, int restart);
  std::optional<PairTuneResult> finished(int restart);
  void run_epoch(State& state, CheckpointPair& checkpoints);
  void run_step(State& state, std::span<const size_t> units);
  void tell_step(const State& state) const;
  void end_epoch(State& state);
  void keep_best(State& state);
  void load_best(int restart);
  void finish(State& state);
  std::string masked_sample() const;
};

// Every pair within `limit` tokens, by the chosen rule.
void PairTuner::Impl::fit(std::vector<Pair>& pairs, int64_t limit) {
  const TooLong rule = too_long_rule(settings.too_long);
  for (Pair& pair : pairs) {
    const auto before = static_cast<int64_t>(pair.prompt.ids.size() + pair.answer.size());
    const int64_t room = limit - static_cast<int64_t>(pair.answer.size());
    if (const int64_t taken = fit_prompt(pair.prompt, room, rule, pair.id); taken > 0)
      shortened.push_back({pair.id, before, taken});
  }
}

std::string PairTuner::Impl::compute_identity(const std::string& base_hash) const {
  Sha256 hash;
  hash.update(settings.to_json());
  hash.update(base_hash);
  hash_pairs(hash, training);
  hash_pairs(hash, tuning);
  return hash.hex();
}

int64_t PairTuner::Impl::count_steps(uint64_t seed) const {
  int64_t steps = 0;
  for (int epoch = 0; epoch < settings.epochs; ++epoch)
    steps += static_cast<int64_t>(plan->steps(settings, seed, epoch).size());
  return steps;
}

std::string PairTuner::Impl::masked_sample() const {
  const Pair& pair = training.front();
  std::string text = "first training pair (" + pair.id +
                     "): " + std::to_string(pair.prompt.ids.size()) + " tokens of prompt, " +
                     std::to_string(pair.answer.size()) + " of answer, which carry the loss (*)";
  const auto line = [&](size_t i, int32_t id, bool loss) {
    char head[48];
    std::snprintf(head, sizeof head, "\n%c %5zu %7d  ", loss ? '*' : ' ', i, id);
    text += head;
    for (char c : piece_of ? piece_of(id) : std::string())
      text += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  };
  for (size_t i = 0; i < pair.prompt.ids.size(); ++i) line(i, pair.prompt.ids[i], false);
  for (size_t i = 0; i < pair.answer.size(); ++i)
    line(pair.prompt.ids.size() + i, pair.answer[i], true);
  return text;
}

void PairTuner::Impl::save(CheckpointPair& checkpoints, const State& s) {
  const nlohmann::json j = {{"identity", identity},
                            {"result", pair_result_to_json(s.result)},
                            {"epoch", s.epoch},
                            {"step_in_epoch", s.step_in_epoch},
                            {"epoch_loss", s.epoch_loss},
                            {"epoch_weight", s.epoch_weight},
                            {"epoch_seconds", s.epoch_seconds},
                            {"flops", s.flops},
                            {"since_best", s.since_best},
                            {"finished", s.finished},
                            {"steps", trainer->steps()}};
  std::vector<std::span<const float>> values;
  for (std::span<float> a : arrays()) values.push_back(a);
  checkpoints.write(j.dump(), values);
}

PairTuner::Impl::State PairTuner::Impl::begin(CheckpointPair& checkpoints, int restart) {
  State s;
  s.result.restart = restart;
  s.result.seed = seed_of(restart);
  s.total_steps = count_steps(s.result.seed);
  trainer->start(s.result.seed);
  const std::vector<std::span<float>> places = arrays();
  const auto text = checkpoints.read(places);
  if (!text) {
    trainer->start(s.result.seed);
    return s;
  }
  const nlohmann::json j = nlohmann::json::parse(*text);
  if (j.at("identity") != identity)
    throw Error("E0616",
                folder_of(restart).string() +
                    ": its checkpoint was made with other settings, pairs or weights",
                "Remove the folder to train anew, or go back to the settings it was made with.");
  s.result = pair_result_from_json(j.at("result"));
  s.epoch = j.at("epoch");
  s.step_in_epoch = j.at("step_in_epoch");
  s.epoch_loss = j.at("epoch_loss");
  s.epoch_weight = j.at("epoch_weight");
  s.epoch_seconds = j.at("epoch_seconds");
  s.flops = j.at("flops");
  s.since_best = j.at("since_best");
  s.finished = j.at("finished");
  trainer->resume(j.at("steps"));
  tell(sink, "restart " + std::to_string(restart + 1) + ": goes on from epoch " +
                 std::to_string(s.epoch + 1) + ", step " + std::to_string(s.step_in_epoch + 1));
  return s;
}

std::optional<PairTuneResult> PairTuner::Impl::finished(int restart) {
  const std::filesystem::path path = folder_of(restart) / "result.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const nlohmann::json j = nlohmann::json::parse(read_file(path));
  if (j.at("identity") != identity)
    throw Error("E0616",
                path.string() + ": this restart was trained with other settings, pairs or weights",
                "Remove the folder to train anew, or go back to the settings it was made with.");
  if (!read_floats_file_json(weights_of(restart))) return std::nullopt;
  return pair_result_from_json(j.at("result"));
}

void PairTuner::Impl::tell_step(const State& s) const {
  if (!sink) return;
  const PairStepRecord& step = s.result.steps.back();
  char detail[160];
  std::snprintf(detail, sizeof detail,
                "loss %.4f, rate %.2e, gradient %.2f, %s useful tokens/s, %.0f %% of ceiling",
                static_cast<double>(step.loss), static_cast<double>(step.learning_rate),
                static_cast<double>(step.gradient_norm),
                with_commas(std::llround(step.tokens / step.seconds)).c_str(),
                static_cast<double>(step.percent_of_ceiling));
  tell(sink, {.phase = "restart " + std::to_string(s.result.restart + 1) + ", epoch " +
                       std::to_string(s.epoch + 1) + " of " + std::to_string(settings.epochs),
              .done = static_cast<double>(s.result.steps.size()),
              .total = static_cast<double>(s.total_steps),
              .unit = "steps",
              .detail = detail});
}

void PairTuner::Impl::run_step(State& s, std::span<const size_t> units) {
  const auto begin_clock = Clock::now();
  const int64_t step = trainer->steps();
  const auto warmup = static_cast<int64_t>(
      std::llround(settings.warmup_share * static_cast<double>(s.total_steps)));
  // One on, so that neither the first nor the last step is lost to a rate of 0.
  const double factor = rate_factor(settings.schedule, step + 1, warmup + 1, s.total_steps + 1);
  const PairOutcome outcome =
      trainer->step(*plan, units, factor,
                    mix64(s.result.seed, mix64(stream_of("dropout"), static_cast<uint64_t>(step))));
  const double seconds = seconds_since(begin_clock);
  s.result.training_seconds += seconds;
  s.epoch_seconds += seconds;
  s.flops += outcome.flops;
  s.result.useful_tokens += outcome.tokens;
  s.result.computed_tokens += outcome.computed;
  s.epoch_loss += outcome.loss * outcome.weight;
  s.epoch_weight += outcome.weight;
  s.result.steps.push_back(
      {.loss = static_cast<float>(outcome.loss),
       .learning_rate = static_cast<float>(settings.learning_rate * factor),
       .gradient_norm = static_cast<float>(outcome.gradient_norm),
       .tokens = static_cast<int32_t>(outcome.tokens),
       .computed = static_cast<int32_t>(outcome.computed),
       .labels = static_cast<int32_t>(outcome.labels),
       .seconds = static_cast<float>(seconds),
       .percent_of_ceiling = static_cast<float>(100 * outcome.flops / seconds / peak)});
  ++s.step_in_epoch;
  tell_step(s);
}

void PairTuner::Impl::keep_best(State& s) {
  s.result.best_epoch = s.epoch;
  s.result.weights = weights_of(s.result.restart);
  const nlohmann::json j = {{"identity", identity}, {"epoch", s.epoch}};
  const std::span<const float> values[] = {trainer->adapter()};
  write_floats_file(s.result.weights, j.dump(), values);
}

void PairTuner::Impl::end_epoch(State& s) {
  PairEpochRecord record{.training_loss = s.epoch_loss / s.epoch_weight,
                         .seconds = s.epoch_seconds};
  if (!tuning.empty()) {
    double sum = 0;
    const std::vector<double> scores = trainer->score(tuning, sink);
    for (size_t i = 0; i < tuning.size(); ++i)
      sum -= static_cast<double>(tuning[i].token_weight) * scores[i];
    record.tuning_loss = sum / loss_weight(tuning);
  }
  record.metric = metric ? metric(View(*this, s.epoch, record.tuning_loss)) : -record.tuning_loss;
  s.result.epochs.push_back(record);
  const auto rank = [](const PairEpochRecord& e) { return std::pair(e.metric, -e.tuning_loss); };
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  std::pair<double, double> best = {kNever, kNever};
  // Without anything to judge by, the last epoch is kept.
  if (s.result.best_epoch >= 0 && (metric || !tuning.empty()))
    best = rank(s.result.epochs[static_cast<size_t>(s.result.best_epoch)]);
  const bool better = rank(record) > best;
  s.since_best = record.metric > best.first ? 0 : s.since_best + 1;
  if (better) {
    s.result.best_metric = record.metric;
    keep_best(s);
  }
  char line[200];
  std::snprintf(
      line, sizeof line, "restart %d, epoch %d of %d: training loss %.4f, tuning loss %.4f%s%s",
      s.result.restart + 1, s.epoch + 1, settings.epochs, record.training_loss, record.tuning_loss,
      metric ? (", metric " + format_double(record.metric, 4)).c_str() : "", better ? " *" : "");
  tell(sink, std::string(line));
  s.result.stopped_early =
      settings.patience > 0 && s.since_best >= settings.patience && s.epoch + 1 < settings.epochs;
  ++s.epoch;
  s.step_in_epoch = 0;
  s.epoch_loss = s.epoch_weight = s.epoch_seconds = 0;
  s.finished = s.result.stopped_early || s.epoch == settings.epochs;
}

void PairTuner::Impl::run_epoch(State& s, CheckpointPair& checkpoints) {
  const auto steps = plan->steps(settings, s.result.seed, s.epoch);
  auto saved = Clock::now();
  while (s.step_in_epoch < static_cast<int64_t>(steps.size())) {
    if (interrupted()) {
      save(checkpoints, s);
      throw_if_interrupted("run the same command again to go on from here");
    }
    run_step(s, steps[static_cast<size_t>(s.step_in_epoch)]);
    if (seconds_since(saved) > kSecondsBetweenCheckpoints) {
      save(checkpoints, s);
      saved = Clock::now();
    }
  }
  end_epoch(s);
}

void PairTuner::Impl::finish(State& s) {
  PairTuneResult& r = s.result;
  r.useful_tokens_per_second = static_cast<double>(r.useful_tokens) / r.training_seconds;
  r.percent_of_ceiling = 100 * s.flops / r.training_seconds / peak;
  r.peak_memory_bytes = std::max(r.peak_memory_bytes, peak_memory());
  const nlohmann::json j = {{"identity", identity}, {"result", pair_result_to_json(r)}};
  write_file_atomically(folder_of(r.restart) / "result.json", j.dump());
}

// The chosen adapters of a finished restart into the trainer.
void PairTuner::Impl::load_best(int restart) {
  const std::span<float> places[] = {trainer->adapter()};
  const auto text = read_floats_file(weights_of(restart), places);
  if (!text || nlohmann::json::parse(*text).at("identity") != identity)
    throw Error("E0615",
                weights_of(restart).string() + ": not there, damaged, or of other settings",
                "Train this restart again.");
  trainer->resume(0);
}

PairTuner::PairTuner(const DecoderFolder& base, PairTuneSettings settings,
                     std::vector<Pair> training, std::vector<Pair> tuning,
                     std::filesystem::path work_folder, ProgressSink sink, TuningMetric metric,
                     std::function<std::string(int32_t)> piece_of)
    : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.settings = std::move(settings);
  m.training = std::move(training);
  m.tuning = std::move(tuning);
  m.work_folder = std::move(work_folder);
  m.sink = std::move(sink);
  m.metric = std::move(metric);
  m.piece_of = std::move(piece_of);
  m.settings.check();
  base.check();
  const DecoderConfig& config = base.config();
  if (m.training.empty())
    throw Error("E0613", "the training set has no pairs", "Import labelled cases first.");
  for (const auto* pairs : {&m.training, &m.tuning})
    for (const Pair& pair : *pairs) check_pair(pair, config.vocabulary);
  const int64_t limit =
      m.settings.max_tokens > 0 ? std::min(m.settings.max_tokens, config.context) : config.context;
  m.fit(m.training, limit);
  m.fit(m.tuning, limit);
  if (!m.shortened.empty())
    tell(m.sink, std::to_string(m.shortened.size()) +
                     " pairs were too long and lost the middle of their text");
  m.plan.emplace(m.training);
  const PairCapacity capacity =
      pair_capacity(*m.plan, PairPlan(m.tuning), m.training, m.tuning, m.settings, limit);
  m.trainer = std::make_unique<PairTrainer>(base, m.settings, capacity, available_memory(), m.sink);
  m.about.base_name = base.name();
  m.about.base_hash = base.weights_hash();
  m.identity = m.compute_identity(m.about.base_hash);
  m.peak = matrix_peak(m.settings.base_weights != "fp32");
  make_private_folder(m.work_folder);
}

PairTuner::~PairTuner() = default;

PairTuneResult PairTuner::run(int restart) {
  Impl& m = *impl_;
  make_private_folder(m.folder_of(restart));
  CheckpointPair checkpoints(m.folder_of(restart));
  if (auto result = m.finished(restart)) {
    checkpoints.remove();
    return *result;
  }
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

PeftAdapter PairTuner::adapter(int restart) const {
  impl_->load_best(restart);
  return impl_->trainer->peft_adapter(impl_->about.base_name);
}

void PairTuner::write_adapter(int restart, const std::filesystem::path& folder) const {
  write_adapter(restart, folder, {});
}

void PairTuner::write_adapter(int restart, const std::filesystem::path& folder,
                              DecoderAdapterAbout about) const {
  about.base_name = impl_->about.base_name;
  about.base_hash = impl_->about.base_hash;
  write_decoder_adapter(folder, {adapter(restart), std::move(about)});
}

std::vector<double> PairTuner::score(int restart, std::span<const Pair> pairs) {
  Impl& m = *impl_;
  for (const Pair& pair : pairs) check_pair(pair, m.trainer->config().vocabulary);
  if (restart >= 0) {
    m.load_best(restart);
    return m.trainer->score(pairs, m.sink);
  }
  m.trainer->without_adapter(true);
  std::vector<double> sums;
  try {
    sums = m.trainer->score(pairs, m.sink);
  } catch (...) {
    m.trainer->without_adapter(false);
    throw;
  }
  m.trainer->without_adapter(false);
  return sums;
}

const std::vector<ShortenedPair>& PairTuner::shortened() const { return impl_->shortened; }
std::string PairTuner::masked_sample() const { return impl_->masked_sample(); }
std::string PairTuner::memory_table() const { return impl_->trainer->memory_table(); }
int64_t PairTuner::memory_bytes() const { return impl_->trainer->memory_bytes(); }

double PairTuner::ceiling_tokens_per_second() const {
  // Of the training set as it is packed: rows and labels of one epoch.
  const Impl& m = *impl_;
  double rows = 0, labels = 0, tokens = 0;
  for (const PairUnit& unit : m.plan->units()) {
    rows += static_cast<double>(unit.rows);
    labels += static_cast<double>(unit.labels);
  }
  for (const Pair& pair : m.training)
    tokens += static_cast<double>(pair.prompt.ids.size() + pair.answer.size());
  const DecoderFlops flops = m.trainer->flops();
  return tokens * m.peak / (rows * flops.row + labels * flops.label);
}

}  // namespace gantry
