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

SharedPrefix share_prefix(LanguageModel& model, std::span<const std::vector<int32_t>> prompts) {
  GANTRY_CHECK(!prompts.empty());
  DecoderInference& engine = model.engine();
  std::span<const int32_t> shared = prompts.front();
  size_t shortest = shared.size();
  for (const auto& prompt : prompts) {
    shared = shared.first(shared_length(shared, prompt));
    shortest = std::min(shortest, prompt.size());
  }
  shared = shared.first(std::min(shared.size(), shortest - 1));

  KeptPrefix& kept = model.kept_prefix();
  const size_t common = kept.sequence < 0 ? 0 : shared_length(kept.ids, shared);
  const Sequence sequence =
      common > 0 ? engine.fork_at(kept.sequence, static_cast<int64_t>(common)) : engine.open();
  if (kept.sequence >= 0) engine.close(kept.sequence);
  kept.sequence = sequence;
  kept.ids.assign(shared.begin(), shared.end());
  if (common < shared.size()) engine.add(sequence, shared.subspan(common), Wanted::kNone);
  return {sequence, static_cast<int64_t>(shared.size())};
}

EngineGuard::EngineGuard(LanguageModel& model)
    : model_(model), exceptions_(std::uncaught_exceptions()) {}
EngineGuard::~EngineGuard() {
  if (std::uncaught_exceptions() == exceptions_) return;
  model_.engine().reset();
  model_.kept_prefix() = {};
}

}  // namespace gantry
