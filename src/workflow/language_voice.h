// A causal language model as a Voice: with an adapter or without one, with examples in the prompt
// or without.
#pragma once

#include <filesystem>
#include <memory>

#include "study/settings.h"
#include "workflow/voice.h"

namespace gantry {

// `base`: a model folder or file, `adapter`: a PEFT folder or "". `settings` gives the prompts, the
// chat template and the precision. Errors of LanguageModel, ChatTemplates and PromptMaker.
std::unique_ptr<Voice> open_language_voice(const std::filesystem::path& base,
                                           const std::filesystem::path& adapter,
                                           const Settings& settings);

}  // namespace gantry
