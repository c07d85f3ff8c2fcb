// What a call of many prompts begins with: the prompts are checked, what all of them share is
// planned once, and what the last call's prompts share with each of them is taken over.
//
//   PromptStarts starts(model, prompts);
//   const Sequence s = starts.begin(i);                       // behind what is known of prompt i
//   engine.add(s, starts.rest(i), Wanted::kLast);
//   ...
//   starts.keep(i, s);                                        // once it is computed
//   engine.close(s);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/language_model.h"

namespace gantry {

// Error E0763: a prompt that is empty, has an id outside the vocabulary, or leaves less than `room`
// tokens of the context.
void check_prompts(const LanguageModel& model, std::span<const std::vector<int32_t>> prompts,
                   int64_t room);

class PromptStarts {
 public:
  // Plans what all prompts begin with (at least one token of each is left out). Of what was kept
  // before, as much as fits is taken over; the rest is given back when the prompts it serves have
  // begun. `prompts` must outlive this.
  PromptStarts(LanguageModel& model, std::span<const std::vector<int32_t>> prompts);
  ~PromptStarts();
  PromptStarts(const PromptStarts&) = delete;
  PromptStarts& operator=(const PromptStarts&) = delete;

  // A new sequence behind what is known of the prompt, and the tokens to add to it: at least one.
  // Once for each prompt.
  int32_t begin(size_t prompt);
  std::span<const int32_t> rest(size_t prompt) const;

  // Keeps the prompt for the next call, where there is room: `sequence` begins with it and is
  // computed.
  void keep(size_t prompt, int32_t sequence);

 private:
  struct Start {
    int32_t sequence = -1;
    int64_t length = 0;
    int64_t earlier = -1;  // of the last call's prompts; -1: behind the shared beginning
  };
  void share();
  void find_earlier();

  LanguageModel& model_;
  std::span<const std::vector<int32_t>> prompts_;
  int64_t shared_ = 0;  // tokens
  std::vector<Start> starts_;
  std::vector<KeptPrompts::Line> earlier_;
  std::vector<int64_t> waiting_;  // [earlier]: prompts that will begin behind it
  int64_t room_ = 0;              // positions that may still be kept
};

// Forgets every sequence of the model if it is left by an exception.
class EngineGuard {
 public:
  explicit EngineGuard(LanguageModel& model);
  ~EngineGuard();
  EngineGuard(const EngineGuard&) = delete;
  EngineGuard& operator=(const EngineGuard&) = delete;

 private:
  LanguageModel& model_;
  int exceptions_;
};

}  // namespace gantry
