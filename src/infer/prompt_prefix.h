// What a call of many prompts begins with: the prompts are checked, and what all of them share is
// planned once and kept for the next call.
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

// Plans what all prompts begin with (at least one token of each prompt is left out) and gives the
// sequence that ends there, which stays with the model. Of what was kept before, as much as fits is
// taken over.
struct SharedPrefix {
  int32_t sequence = -1;
  int64_t length = 0;
};
SharedPrefix share_prefix(LanguageModel& model, std::span<const std::vector<int32_t>> prompts);

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
