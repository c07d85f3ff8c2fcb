#include "infer/prompt_prefix.h"

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "base/strings.h"
#include "models/decoder_inference.h"

namespace gantry {
namespace {

size_t shared_length(std::span<const int32_t> a, std::span<const int32_t> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

}  // namespace

void check_prompts(const LanguageModel& model, std::span<const std::vector<int32_t>> prompts,
                   int64_t room) {
  const int64_t vocabulary = model.info().config.vocabulary;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::string which = "prompt " + std::to_string(i + 1);
    const auto length = static_cast<int64_t>(prompts[i].size());
    if (length == 0)
      throw Error("E0763", which + " is empty", "Every prompt needs at least one token.");
    if (length + room > model.context())
      throw Error("E0763",
                  which + " has " + with_commas(length) + " tokens and its answer may need " +
                      with_commas(room) + ": the model reads " + with_commas(model.context()),
                  "Shorten the text, or take a model with a longer context.");
    for (int32_t id : prompts[i]) {
      if (id < 0 || id >= vocabulary)
        throw Error("E0763",
                    which + " has token " + std::to_string(id) + "; the model knows 0 to " +
                        std::to_string(vocabulary - 1),
                    "Encode it with the model's own tokenizer.");
    }
  }
}

PromptStarts::PromptStarts(LanguageModel& model, std::span<const std::vector<int32_t>> prompts)
    : model_(model), prompts_(prompts), starts_(prompts.size()), room_(model.kept_tokens()) {
  GANTRY_CHECK(!prompts.empty());
  earlier_.swap(model.kept().prompts);
  share();
  find_earlier();
}

PromptStarts::~PromptStarts() {  // of a call that was interrupted
  for (size_t e = 0; e < earlier_.size(); ++e)
    if (waiting_[e] > 0) model_.engine().close(earlier_[e].sequence);
}

void PromptStarts::share() {
  DecoderInference& engine = model_.engine();
  std::span<const int32_t> shared = prompts_.front();
  size_t shortest = shared.size();
  for (const auto& prompt : prompts_) {
    shared = shared.first(shared_length(shared, prompt));
    shortest = std::min(shortest, prompt.size());
  }
  shared = shared.first(std::min(shared.size(), shortest - 1));
  shared_ = static_cast<int64_t>(shared.size());

  KeptPrompts::Line& kept = model_.kept().shared;
  const size_t common = kept.sequence < 0 ? 0 : shared_length(kept.ids, shared);
  const Sequence sequence =
      common > 0 ? engine.fork_at(kept.sequence, static_cast<int64_t>(common)) : engine.open();
  if (kept.sequence >= 0) engine.close(kept.sequence);
  kept.sequence = sequence;
  kept.ids.assign(shared.begin(), shared.end());
  if (common < shared.size()) engine.add(sequence, shared.subspan(common), Wanted::kNone);
}

void PromptStarts::find_earlier() {
  waiting_.assign(earlier_.size(), 0);
  for (size_t i = 0; i < prompts_.size(); ++i) {
    const std::span<const int32_t> open = std::span(prompts_[i]).first(prompts_[i].size() - 1);
    Start& start = starts_[i];
    start.sequence = model_.kept().shared.sequence;
    start.length = shared_;
    for (size_t e = 0; e < earlier_.size(); ++e) {
      const auto common = static_cast<int64_t>(shared_length(earlier_[e].ids, open));
      if (common <= start.length) continue;
      start = {earlier_[e].sequence, common, static_cast<int64_t>(e)};
    }
    if (start.earlier >= 0) ++waiting_[static_cast<size_t>(start.earlier)];
  }
  for (size_t e = 0; e < earlier_.size(); ++e)
    if (waiting_[e] == 0) model_.engine().close(earlier_[e].sequence);
}

Sequence PromptStarts::begin(size_t prompt) {
  DecoderInference& engine = model_.engine();
  const Start& start = starts_[prompt];
  const Sequence sequence = engine.fork_at(start.sequence, start.length);
  if (start.earlier >= 0 && --waiting_[static_cast<size_t>(start.earlier)] == 0)
    engine.close(start.sequence);
  return sequence;
}

std::span<const int32_t> PromptStarts::rest(size_t prompt) const {
  return std::span(prompts_[prompt]).subspan(static_cast<size_t>(starts_[prompt].length));
}

void PromptStarts::keep(size_t prompt, Sequence sequence) {
  const std::vector<int32_t>& ids = prompts_[prompt];
  const auto length = static_cast<int64_t>(ids.size());
  const int64_t own = length - shared_ + kPagePositions;  // and a page that is not full
  if (own > room_) return;
  room_ -= own;
  model_.kept().prompts.push_back({model_.engine().fork_at(sequence, length), ids});
}

EngineGuard::EngineGuard(LanguageModel& model)
    : model_(model), exceptions_(std::uncaught_exceptions()) {}
EngineGuard::~EngineGuard() {
  if (std::uncaught_exceptions() == exceptions_) return;
  model_.engine().reset();
  model_.kept() = {};
}

}  // namespace gantry
