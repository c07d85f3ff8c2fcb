#include "workflow/pair_maker.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/random.h"
#include "stats/confusion.h"

namespace gantry {
namespace {

std::string pair_id(const Case& item, AnswerKind kind) {
  return item.source + "/" + item.id + ", " + std::string(word_of(kind));
}

uint64_t key_of(const Case& item) { return stream_of(item.source + "\n" + item.id); }

}  // namespace

MadePairs make_pairs(const PromptMaker& maker, std::span<const Case* const> cases,
                     std::span<const AnswerKind> kinds, const Settings& settings) {
  MadePairs out;
  const TooLong rule = too_long_rule(settings.prompt.too_long);
  for (const Case* item : cases)
    for (AnswerKind kind : kinds) {
      const std::string& reference = reference_answer(*item, kind);
      if (reference.empty()) continue;
      Pair pair;
      pair.id = pair_id(*item, kind);
      pair.key = key_of(*item);
      pair.answer = maker.answer(reference);
      if (settings.train.answer_weight == "answer")
        pair.token_weight = 1 / static_cast<float>(pair.answer.size());
      try {
        pair.prompt = maker.prompt(*item, kind);
        const int64_t room = maker.context() - static_cast<int64_t>(pair.answer.size());
        PromptIds tried = pair.prompt;
        fit_prompt(tried, room, rule, pair.id);
      } catch (const Error& error) {
        out.refused.push_back(error.message());
        continue;
      }
      out.pairs.push_back(std::move(pair));
    }
  return out;
}

PairTuneSettings pair_tune_settings(const Settings& s, size_t questions, int64_t context) {
  PairTuneSettings out;
  out.epochs = static_cast<int>(s.train.epochs);
  out.batch_pairs = s.train.step_tokens > 0
                        ? 0
                        : static_cast<int>(s.train.batch_reports * static_cast<int64_t>(questions));
  if (s.train.step_tokens > 0) out.tokens_a_step = s.train.step_tokens;
  out.learning_rate = s.train.learning_rate;
  out.warmup_share = s.train.warmup;
  out.schedule = s.train.schedule;
  out.weight_decay = s.train.weight_decay;
  out.beta1 = s.train.beta1;
  out.beta2 = s.train.beta2;
  out.epsilon = s.train.epsilon;
  out.clip_norm = s.train.clip_norm;
  out.rank = s.lora.rank;
  out.alpha = s.lora.alpha;
  out.dropout = s.lora.dropout;
  out.rslora = s.lora.rslora;
  if (s.lora.targets != std::vector<std::string>{"auto"}) out.targets = s.lora.targets;
  out.base_weights = s.model.base_weights == "auto" ? "bf16" : s.model.base_weights;
  out.recompute = s.train.recompute;
  out.max_tokens = context;
  out.too_long = s.prompt.too_long;
  out.patience = static_cast<int>(s.train.patience);
  out.seed = static_cast<uint64_t>(s.train.seed);
  return out;
}

TuningMetric closed_set_metric(const PromptMaker& maker, std::span<const Case* const> tuning,
                               const Settings& settings) {
  if (settings.train.metric == "loss" || !settings.study.asks("closed-set")) return {};
  struct Asked {
    std::vector<Pair> pairs;  // labels of a case side by side
    std::vector<int> truth;
  };
  auto asked = std::make_shared<Asked>();
  const auto& labels = settings.labels.values;
  for (const Case* item : tuning) {
    if (item->label < 0) continue;
    asked->truth.push_back(item->label);
    for (const std::string& label : labels) {
      Pair pair;
      pair.id = pair_id(*item, AnswerKind::kClosedSet);
      pair.key = key_of(*item);
      pair.answer = maker.answer(label);
      pair.prompt = maker.prompt(*item, AnswerKind::kClosedSet);
      fit_prompt(pair.prompt, maker.context() - static_cast<int64_t>(pair.answer.size()),
                 TooLong::kShorten, pair.id);
      asked->pairs.push_back(std::move(pair));
    }
  }
  if (asked->truth.empty()) return {};
  const bool macro_f1 = settings.train.metric == "macro_f1";
  const auto classes = static_cast<int>(labels.size());
  return [asked, macro_f1, classes](const TunedView& view) {
    const std::vector<double> scores = view.score(asked->pairs);
    ConfusionMatrix confusion(classes);
    for (size_t i = 0; i < asked->truth.size(); ++i) {
      auto begin = scores.begin() + static_cast<ptrdiff_t>(i) * classes;
      confusion.at(asked->truth[i],
                   static_cast<int>(std::max_element(begin, begin + classes) - begin)) += 1;
    }
    return macro_f1 ? confusion.macro_f1() : confusion.accuracy();
  };
}

}  // namespace gantry
