// Free text from a language model: greedy, beam search, or sampling with a seed; many prompts at
// once. What all prompts begin with is computed once and kept for the next call; finished sequences
// leave and waiting prompts take their place (continuous batching), so that every pass is full.
//
//   std::vector<GenerationResult> drafts = generate(model, prompts, {.max_tokens = 96});
//
// A prompt's answer is the same tokens whatever the other prompts are and in whatever order they
// come: the seed of a prompt's samples is (settings.seed, its index or its own seed).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/language_model.h"

namespace gantry {

struct GenerationSettings {
  int64_t max_tokens = 256;
  int beams = 1;              // > 1: beam search; temperature must be 0
  double length_penalty = 1;  // beams are ranked by log-probability / tokens^length_penalty
  double temperature = 0;     // 0: greedy
  double top_p = 1;           // sample from the smallest set of tokens with this much probability
  int64_t top_k = 0;          // and of no more tokens than this; 0: no bound
  uint64_t seed = 0;
  std::vector<int32_t> stop_ids;        // besides the model's end ids
  std::vector<std::string> stop_texts;  // the answer ends before the first of them
  int64_t batch = 0;                    // sequences decoded at once; 0: chosen (64)
};

enum class StopReason { kEnd, kStopText, kMaxTokens, kContext, kInterrupted };
const char* name_of(StopReason reason);  // "end", "stop text", "max tokens", "context", ...

struct GenerationResult {
  std::vector<int32_t> ids;  // without the end token
  std::string text;
  double log_probability = 0;  // of the answer's tokens, the end token included where it came
  StopReason stop = StopReason::kEnd;
};

// Called with each new piece of valid UTF-8 of prompt `prompt`; false stops that prompt.
using StreamCallback = std::function<bool(size_t prompt, std::string_view piece)>;
// Called when prompt `prompt` is done; several prompts in any order.
using DoneCallback = std::function<void(size_t prompt, const GenerationResult& result)>;

// One result a prompt, in the order of the prompts. Errors E0763 (a prompt is empty, does not leave
// room for one token in the context, or has an id outside the vocabulary), E0764 (settings that
// contradict each other).
std::vector<GenerationResult> generate(LanguageModel& model,
                                       std::span<const std::vector<int32_t>> prompts,
                                       const GenerationSettings& settings,
                                       const StreamCallback& stream = {},
                                       const DoneCallback& done = {});

}  // namespace gantry
