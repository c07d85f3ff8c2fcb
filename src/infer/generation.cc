#include "infer/generation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "base/error.h"
#include "base/progress.h"
#include "infer/answer_text.h"
#include "infer/beam_search.h"
#include "infer/prompt_prefix.h"
#include "infer/token_choice.h"
#include "models/decoder_inference.h"

namespace gantry {
namespace {

constexpr size_t kTextsAtOnce = 64;

// A prompt that is being answered.
class Answering {
 public:
  Answering(size_t prompt, Sequence sequence, const LanguageModel& model,
            const GenerationSettings& settings)
      : prompt_(prompt),
        sequence_(sequence),
        model_(model),
        settings_(settings),
        text_(model.tokenizer(), settings.stop_texts),
        sampler_(settings.temperature, settings.top_p, settings.top_k),
        random_(settings.seed, prompt) {}

  size_t prompt() const { return prompt_; }
  Sequence sequence() const { return sequence_; }
  const GenerationResult& result() const { return result_; }

  // The next token from its logits. False when the answer is complete.
  bool take(std::span<const float> logits, int64_t length, const StreamCallback& stream) {
    const TokenChoice choice =
        settings_.temperature > 0 ? sampler_.draw(logits, random_) : greedy_token(logits);
    result_.log_probability += choice.log_probability;
    if (ends_answer(model_, settings_, choice.token)) return finish(StopReason::kEnd, stream);
    result_.ids.push_back(choice.token);
    const std::string_view piece = text_.update(result_.ids);
    const bool wanted = piece.empty() || !stream || stream(prompt_, piece);
    if (text_.stopped()) return finish(StopReason::kStopText, stream);
    if (!wanted || interrupted()) return finish(StopReason::kInterrupted, stream);
    if (static_cast<int64_t>(result_.ids.size()) >= settings_.max_tokens)
      return finish(StopReason::kMaxTokens, stream);
    if (length + 1 >= model_.context()) return finish(StopReason::kContext, stream);
    return true;
  }

 private:
  bool finish(StopReason reason, const StreamCallback& stream) {
    result_.stop = reason;
    const std::string_view piece = text_.rest();
    if (stream && !piece.empty() && reason != StopReason::kInterrupted) stream(prompt_, piece);
    result_.text = text_.text();
    return false;
  }

  size_t prompt_;
  Sequence sequence_;
  const LanguageModel& model_;
  const GenerationSettings& settings_;
  AnswerText text_;
  Sampler sampler_;
  Random random_;
  GenerationResult result_;
};

void check_settings(const GenerationSettings& s) {
  const auto refuse = [](const std::string& what, const std::string& remedy) {
    throw Error("E0764", what, remedy);
  };
  if (s.max_tokens < 1) refuse("max_tokens = " + std::to_string(s.max_tokens), "Use 1 or more.");
  if (s.beams < 1) refuse("beams = " + std::to_string(s.beams), "Use 1 or more.");
  if (!(s.temperature >= 0 && s.temperature <= 100))
    refuse("temperature = " + std::to_string(s.temperature), "Use 0 (greedy) to 100.");
  if (!(s.top_p > 0 && s.top_p <= 1))
    refuse("top_p = " + std::to_string(s.top_p), "Use a share above 0, up to 1.");
  if (s.top_k < 0) refuse("top_k = " + std::to_string(s.top_k), "Use 0 (no bound) or more.");
  if (s.batch < 0) refuse("batch = " + std::to_string(s.batch), "Use 0 (chosen) or more.");
  if (s.beams > 1 && s.temperature > 0)
    refuse("beam search and a temperature at once", "Set temperature = 0 or beams = 1.");
}

std::vector<GenerationResult> one_path_each(LanguageModel& model,
                                            std::span<const std::vector<int32_t>> prompts,
                                            const GenerationSettings& settings,
                                            PromptStarts& starts, const StreamCallback& stream,
                                            const DoneCallback& done) {
  DecoderInference& engine = model.engine();
  std::vector<GenerationResult> results(prompts.size());
  const size_t batch = settings.batch > 0 ? static_cast<size_t>(settings.batch) : kTextsAtOnce;
  std::deque<Answering> active;
  size_t next = 0;
  while (next < prompts.size() || !active.empty()) {
    for (Answering& a : active) {
      engine.add(a.sequence(), std::span(&a.result().ids.back(), 1), Wanted::kLast);
    }
    for (; next < prompts.size() && active.size() < batch; ++next) {
      active.emplace_back(next, starts.begin(next), model, settings);
      engine.add(active.back().sequence(), starts.rest(next), Wanted::kLast);
    }
    std::vector<bool> goes_on(active.size());
    engine.run([&](int64_t first, Matrix<const float> logits) {
      for (int64_t r = 0; r < logits.rows; ++r) {
        Answering& a = active[static_cast<size_t>(first + r)];
        goes_on[static_cast<size_t>(first + r)] =
            a.take(std::span(logits.row(r), static_cast<size_t>(logits.cols)),
                   engine.length(a.sequence()), stream);
      }
    });
    std::deque<Answering> rest;
    for (size_t i = 0; i < active.size(); ++i) {
      if (goes_on[i]) {
        rest.push_back(std::move(active[i]));
        continue;
      }
      const size_t prompt = active[i].prompt();
      starts.keep(prompt, active[i].sequence());
      engine.close(active[i].sequence());
      results[prompt] = active[i].result();
      if (done) done(prompt, results[prompt]);
    }
    active.swap(rest);
    if (interrupted()) next = prompts.size();
  }
  return results;
}

}  // namespace

const char* name_of(StopReason reason) {
  constexpr std::array kNames = {"end", "stop text", "max tokens", "context", "interrupted"};
  return kNames[static_cast<size_t>(reason)];
}

bool ends_answer(const LanguageModel& model, const GenerationSettings& settings, int32_t token) {
  const auto among = [token](std::span<const int32_t> ids) {
    return std::find(ids.begin(), ids.end(), token) != ids.end();
  };
  return among(model.end_ids()) || among(settings.stop_ids);
}

std::vector<GenerationResult> generate(LanguageModel& model,
                                       std::span<const std::vector<int32_t>> prompts,
                                       const GenerationSettings& settings,
                                       const StreamCallback& stream, const DoneCallback& done) {
  check_settings(settings);
  if (prompts.empty()) return {};
  check_prompts(model, prompts, 1);
  EngineGuard guard(model);
  PromptStarts starts(model, prompts);
  if (settings.beams > 1) return search_beams(model, prompts, settings, starts, stream, done);
  return one_path_each(model, prompts, settings, starts, stream, done);
}

}  // namespace gantry
