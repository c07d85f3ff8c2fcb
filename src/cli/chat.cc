// gantry chat: a conversation with a language model, line by line.
#include <unistd.h>

#include <iostream>

#include "base/progress.h"
#include "base/strings.h"
#include "cli/language_options.h"

namespace gantry::cli {
namespace {

// Turns that no longer fit the context leave from the front, a question with its answer, and the
// person is told.
PromptIds prompt_that_fits(const OpenedModel& opened, std::vector<ChatTurn>& turns,
                           int64_t max_tokens, Face& face) {
  const size_t first = turns.front().role == ChatRole::kSystem ? 1 : 0;
  while (true) {
    PromptIds prompt = opened.chat.prompt(opened.model.tokenizer(), turns);
    const auto length = static_cast<int64_t>(prompt.ids.size());
    if (length + max_tokens <= opened.model.context() || turns.size() < first + 3) return prompt;
    turns.erase(turns.begin() + static_cast<int64_t>(first),
                turns.begin() + static_cast<int64_t>(first) + 2);
    face.say("(the oldest question and its answer no longer fit the model and were left out)");
  }
}

void run(Face& face, const LanguageOptions& options) {
  OpenedModel opened = open_language_model(options, face);
  GenerationSettings settings = options.settings;
  settings.stop_ids.push_back(opened.chat.end_id(opened.model.tokenizer()));
  std::vector<ChatTurn> turns;
  if (!options.system.empty()) turns.push_back({ChatRole::kSystem, options.system});
  const bool person = isatty(STDIN_FILENO) != 0;
  if (person) face.say("Write a line and press Enter; /new forgets, Ctrl-D ends.");
  const StreamCallback stream = [](size_t, std::string_view piece) {
    std::cout << piece << std::flush;
    return true;
  };
  const size_t system_turns = turns.size();
  while (true) {
    if (person) std::cerr << "> " << std::flush;
    std::string line;
    if (!std::getline(std::cin, line)) break;
    if (trim(line).empty()) continue;
    if (trim(line) == "/new") {
      turns.resize(system_turns);
      continue;
    }
    turns.push_back({ChatRole::kUser, line});
    const PromptIds prompt = prompt_that_fits(opened, turns, settings.max_tokens, face);
    const auto answer = generate(opened.model, std::span(&prompt.ids, 1), settings, stream).front();
    std::cout << "\n" << std::flush;
    if (answer.stop == StopReason::kMaxTokens) face.say("(cut at --max-tokens)");
    if (answer.stop == StopReason::kContext) face.say("(cut: the model's context is full)");
    turns.push_back({ChatRole::kAssistant, answer.text});
    if (interrupted()) break;
  }
}

}  // namespace

void add_chat(CLI::App& app, Face& face) {
  auto* verb =
      app.add_subcommand("chat", "Talk with a language model; reads lines from a pipe too");
  auto options = std::make_shared<LanguageOptions>();
  options->settings.max_tokens = 512;
  add_language_options(*verb, *options);
  verb->footer("Example: gantry chat smollm2-135m-instruct --temperature 0.7 --seed 1");
  verb->callback([&face, options] { run(face, *options); });
}

}  // namespace gantry::cli
