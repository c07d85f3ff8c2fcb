#include "cli/language_options.h"

#include <filesystem>

#include "base/file.h"
#include "base/strings.h"
#include "study/data_folder.h"
#include "weights/shelf.h"

namespace gantry::cli {
namespace {

std::filesystem::path find_model(const std::string& name) {
  if (std::filesystem::is_regular_file(name)) return name;  // a GGUF file
  return Shelf(default_shelf_folder(), read_known_models(data_file("tasks/base-models.toml")))
      .find(name);
}

}  // namespace

void add_language_options(CLI::App& verb, LanguageOptions& o) {
  verb.add_option("model", o.model, "A model on the shelf, a folder, or a .gguf file")->required();
  verb.add_option("--adapter", o.adapter, "A LoRA adapter (PEFT folder) on top of it");
  verb.add_option("--system", o.system, "The system turn");
  verb.add_option("--template", o.chat_template,
                  "Chat template (default: told from the model's own; 'plain' wraps nothing)");
  verb.add_option("--precision", o.precision, "Of the weights: stored, int8, bf16 or fp32")
      ->capture_default_str();
  verb.add_option("--activations", o.activations,
                  "Multiplied with them: int8, int16 (finer, slower) or exact (the reference)")
      ->capture_default_str();
  verb.add_option("--cache-tokens", o.cache_tokens, "Bound of the cache of keys and values");
  verb.add_option("--max-tokens", o.settings.max_tokens, "Longest answer")->capture_default_str();
  verb.add_option("--temperature", o.settings.temperature, "0: always the most probable token")
      ->capture_default_str();
  verb.add_option("--top-p", o.settings.top_p, "Draw from the tokens that hold this probability")
      ->capture_default_str();
  verb.add_option("--top-k", o.settings.top_k, "Draw from no more tokens than this (0: all)")
      ->capture_default_str();
  verb.add_option("--seed", o.settings.seed, "Of the draws")->capture_default_str();
  verb.add_option("--stop", o.settings.stop_texts, "End the answer before this text");
}

OpenedModel open_language_model(const LanguageOptions& options, Face& face) {
  LanguageModelOptions how;
  how.adapter = options.adapter;
  how.precision = weight_precision_from(options.precision);
  how.cache_tokens = options.cache_tokens;
  how.activations = activation_precision_from(options.activations);
  const auto path = find_model(options.model);
  const MemoryNeed need = LanguageModel::need(path, how);
  face.say("memory: " + format_bytes(static_cast<double>(need.total())) + " at most (" +
           need.table() + ")");
  LanguageModel model = LanguageModel::open(path, how);
  const auto file = data_file("tasks/chat-templates.toml");
  const ChatTemplates templates = ChatTemplates::parse(read_file(file), file.string());
  ChatTemplate chat = options.chat_template.empty()
                          ? templates.detect(model.info().chat_template, model.info().name)
                          : templates.named(options.chat_template);
  face.say(model.info().name + ": " + model.info().weights + "; template " + chat.name());
  return {std::move(model), std::move(chat)};
}

}  // namespace gantry::cli
