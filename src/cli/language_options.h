// What `gantry generate` and `gantry chat` share: which model, how it is held, how it answers.
#pragma once

#include <string>

#include "cli/face.h"
#include "infer/generation.h"
#include "text/chat_template.h"

namespace gantry::cli {

struct LanguageOptions {
  std::string model, adapter, chat_template, system;
  std::string precision = "stored", activations = "int8";
  int64_t cache_tokens = 0;
  GenerationSettings settings;
};

void add_language_options(CLI::App& verb, LanguageOptions& options);

// The model, and the template its turns are wrapped in.
struct OpenedModel {
  LanguageModel model;
  ChatTemplate chat;
};
// Says what the model needs and how it is held before it is read.
OpenedModel open_language_model(const LanguageOptions& options, Face& face);

}  // namespace gantry::cli
