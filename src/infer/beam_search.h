// Beam search, a part of generation.h.
#pragma once

#include <span>
#include <vector>

#include "infer/generation.h"
#include "infer/prompt_prefix.h"

namespace gantry {

bool ends_answer(const LanguageModel& model, const GenerationSettings& settings, int32_t token);

// For each prompt the best of settings.beams hypotheses by log-probability / length^length_penalty
// (the end token counted). A prompt is done when it has as many complete answers as beams and no
// open one could still beat the worst of them, were its further tokens certain.
std::vector<GenerationResult> search_beams(LanguageModel& model,
                                           std::span<const std::vector<int32_t>> prompts,
                                           const GenerationSettings& settings, PromptStarts& starts,
                                           const StreamCallback& stream, const DoneCallback& done);

}  // namespace gantry
