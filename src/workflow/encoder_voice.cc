#include "workflow/encoder_voice.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "infer/classifier.h"
#include "text/tokenizer.h"
#include "train/fine_tune.h"
#include "weights/model_folder.h"
#include "workflow/example_maker.h"
#include "workflow/fine_tune_settings.h"

namespace gantry {
namespace {

// An answer that the encoder has no output for.
constexpr double kNoOutput = -30;

WindowSettings windows_of(const Settings& settings, const std::string& prefix, int64_t most) {
  return {.prefix = prefix,
          .max_tokens = std::min<int64_t>(settings.model.max_tokens, most),
          .overlap = settings.model.window_overlap,
          .refuse_long = settings.model.long_texts == "refuse"};
}

std::string example_key(const Case& item) { return item.source + "\n" + item.id; }

class EncoderVoice : public Voice {
 public:
  EncoderVoice(const std::filesystem::path& folder, const Settings& settings)
      : classifier_(Classifier::open(folder, precision_from(settings.predict.precision))),
        tokenizer_(Tokenizer::open(folder)),
        maker_(*tokenizer_,
               windows_of(settings, classifier_.info().prefix, classifier_.info().max_tokens)) {}

  bool gives(AnswerKind kind) const override { return kind != AnswerKind::kText; }
  void show(AnswerKind, std::vector<PromptExample>) override {}  // it reads no prompt

  std::vector<VoiceList> score(std::span<const Case> cases, AnswerKind,
                               const std::vector<std::string>& list, const ProgressSink&) override {
    return score_each(cases, [&](size_t) -> const std::vector<std::string>& { return list; });
  }

  // It has an output for each code of its training, and no other.
  std::vector<VoiceList> score_codes(std::span<const Case> cases,
                                     std::span<const std::vector<std::string>> candidates,
                                     const CodeList&, const ProgressSink&) override {
    return score_each(cases,
                      [&](size_t i) -> const std::vector<std::string>& { return candidates[i]; });
  }

  std::vector<VoiceText> write(std::span<const Case>, const ProgressSink&) override {
    GANTRY_CHECK_MSG(false, "an encoder writes no text");
    return {};
  }

 private:
  template <typename ListOf>
  std::vector<VoiceList> score_each(std::span<const Case> cases, const ListOf& list_of) {
    std::vector<VoiceList> out(cases.size());
    std::vector<Example> examples;
    std::vector<size_t> of;
    for (size_t i = 0; i < cases.size(); ++i) {
      try {
        examples.push_back(maker_.make(example_key(cases[i]), cases[i].text));
        out[i].tokens = static_cast<int64_t>(examples.back().tokens());
        of.push_back(i);
      } catch (const Error& error) {
        out[i].refused = error.what();
      }
    }
    const size_t classes = static_cast<size_t>(classifier_.info().classes);
    const auto p = probabilities(classifier_.logits(examples), classifier_.info().classes);
    for (size_t k = 0; k < of.size(); ++k)
      fill(std::span(p).subspan(k * classes, classes), list_of(of[k]), out[of[k]]);
    return out;
  }

  void fill(std::span<const double> p, const std::vector<std::string>& list, VoiceList& out) const {
    const auto& labels = classifier_.info().labels;
    auto log_of = [](double value) {
      return value > 0 ? std::max(std::log(value), kNoOutput) : kNoOutput;
    };
    for (const std::string& answer : list) {
      auto at = std::find(labels.begin(), labels.end(), answer);
      out.log_probability.push_back(
          at == labels.end() ? kNoOutput : log_of(p[static_cast<size_t>(at - labels.begin())]));
    }
    for (size_t c = 0; c < labels.size(); ++c) out.found.emplace_back(labels[c], log_of(p[c]));
    std::sort(out.found.begin(), out.found.end(),
              [](const auto& a, const auto& b) { return a.second > b.second; });
  }

  Classifier classifier_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ExampleMaker maker_;
};

// FineTuner's record of a restart as PairTuner's: steps and epochs are of the same kind.
PairTuneResult as_pair_result(const RestartResult& result) {
  PairTuneResult out;
  out.restart = result.restart;
  out.seed = result.seed;
  for (const StepRecord& step : result.steps)
    out.steps.push_back({.loss = step.loss,
                         .learning_rate = step.learning_rate,
                         .gradient_norm = step.gradient_norm,
                         .tokens = step.tokens,
                         .computed = step.tokens});
  for (const EpochRecord& epoch : result.epochs)
    out.epochs.push_back({.training_loss = epoch.training_loss,
                          .tuning_loss = epoch.tuning_loss,
                          .metric = epoch.accuracy,
                          .seconds = epoch.seconds});
  out.best_epoch = result.best_epoch;
  out.best_metric = result.best_metric;
  out.stopped_early = result.stopped_early;
  out.useful_tokens = out.computed_tokens = result.useful_tokens;
  out.training_seconds = result.training_seconds;
  out.seconds = result.seconds;
  out.useful_tokens_per_second = result.useful_tokens_per_second;
  out.percent_of_ceiling = result.percent_of_ceiling;
  out.peak_memory_bytes = result.peak_memory_bytes;
  return out;
}

std::vector<std::string> answers_of(const TrainingPlan& plan, const TrainingRound& round,
                                    AnswerKind kind, const Settings& settings) {
  if (kind == AnswerKind::kClosedSet) return settings.labels.values;
  std::set<std::string> codes;
  for (size_t i : round.training)
    if (!plan.cases[i]->code.empty()) codes.insert(plan.cases[i]->code);
  return {codes.begin(), codes.end()};
}

// Cases whose answer is among `answers`: others say nothing to a model that has no output for them.
std::vector<Example> examples_of(const TrainingPlan& plan, const std::vector<size_t>& indices,
                                 AnswerKind kind, const std::vector<std::string>& answers,
                                 const ExampleMaker& maker) {
  std::vector<Example> out;
  for (size_t i : indices) {
    const Case& item = *plan.cases[i];
    auto at = std::find(answers.begin(), answers.end(), reference_answer(item, kind));
    if (at != answers.end())
      out.push_back(
          maker.make(example_key(item), item.text, static_cast<int>(at - answers.begin())));
  }
  return out;
}

}  // namespace

std::unique_ptr<Voice> open_encoder_voice(const std::filesystem::path& folder,
                                          const Settings& settings) {
  return std::make_unique<EncoderVoice>(folder, settings);
}

void tune_encoder(const std::filesystem::path& base_path, const TrainingPlan& plan,
                  const Settings& settings, const std::filesystem::path& work_folder,
                  const ProgressSink& progress, AdapterGroup& group) {
  ModelFolder base = ModelFolder::open(base_path);
  base.check();
  const auto tokenizer = Tokenizer::open(base.path());
  tokenizer->check_fits(base.config().vocab_size);
  const ExampleMaker maker(*tokenizer,
                           windows_of(settings, base.about().prefix, base.config().max_tokens));
  const AnswerKind kind = group.kinds.front();
  for (size_t r = 0; r < plan.rounds.size(); ++r) {
    const TrainingRound& round = plan.rounds[r];
    const auto answers = answers_of(plan, round, kind, settings);
    Settings of_round = settings;
    of_round.labels.values = answers;
    auto training = examples_of(plan, round.training, kind, answers, maker);
    const FineTuneSettings how = fine_tune_settings(of_round, base, training);
    FineTuner tuner(base, how, std::move(training),
                    examples_of(plan, round.tuning, kind, answers, maker),
                    work_folder / ("work-" + group.name + "-" + std::to_string(r)), progress);
    if (r == 0) {
      group.memory_table = tuner.memory_table();
      tell(progress, group.memory_table);
    }
    group.memory_bytes = std::max(group.memory_bytes, tuner.memory_bytes());
    group.ceiling = tuner.ceiling_tokens_per_second();
    for (size_t restart = 0; restart < plan.round_of.size(); ++restart) {
      if (plan.round_of[restart] != static_cast<int>(r)) continue;
      group.restarts.push_back(as_pair_result(tuner.run(static_cast<int>(restart))));
      group.round_of.push_back(static_cast<int>(r));
      const auto place = work_folder / "adapters" / (group.name + "-" + std::to_string(restart));
      std::filesystem::remove_all(place);  // there where a run was cut off behind this restart
      tuner.write_model({static_cast<int>(restart)}, place,
                        {.labels = answers, .prefix = base.about().prefix});
    }
  }
  for (size_t i = 1; i < group.restarts.size(); ++i)
    if (group.restarts[i].best_metric > group.restarts[static_cast<size_t>(group.best)].best_metric)
      group.best = static_cast<int>(i);
}

}  // namespace gantry
