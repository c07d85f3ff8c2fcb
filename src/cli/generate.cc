// gantry generate: a language model's answer to a prompt, or to each line of a file.
#include <chrono>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/strings.h"
#include "cli/language_options.h"

namespace gantry::cli {
namespace {

struct GenerateOptions : LanguageOptions {
  std::vector<std::string> prompts;
  std::string file;
};

// The prompts of --prompt, and one for each line of --file that is not empty ('-': standard input).
std::vector<std::string> all_prompts(const GenerateOptions& options) {
  std::vector<std::string> prompts = options.prompts;
  if (!options.file.empty()) {
    std::ifstream file;
    if (options.file != "-") {
      file.open(options.file);
      if (!file)
        throw Error("E0101", options.file + " cannot be opened", "Check the name and its rights.");
    }
    std::istream& in = options.file == "-" ? std::cin : file;
    for (std::string line; std::getline(in, line);) {
      if (!trim(line).empty()) prompts.push_back(line);
    }
  }
  if (prompts.empty())
    throw Error("E0903", "there is no prompt", "Give --prompt \"...\" or --file with one a line.");
  return prompts;
}

void show(Face& face, const std::vector<std::string>& prompts,
          const std::vector<GenerationResult>& answers, double seconds) {
  nlohmann::json rows = nlohmann::json::array();
  int64_t tokens = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    const GenerationResult& a = answers[i];
    tokens += static_cast<int64_t>(a.ids.size());
    rows.push_back({{"prompt", prompts[i]},
                    {"text", a.text},
                    {"tokens", a.ids},
                    {"log_probability", a.log_probability},
                    {"stop", name_of(a.stop)}});
  }
  const double rate = static_cast<double>(tokens) / seconds;
  face.result({{"answers", rows}, {"seconds", seconds}, {"tokens_per_second", rate}}, "");
  face.say(std::to_string(tokens) + " tokens in " + format_double(seconds, 2) + " s, " +
           format_double(rate, 1) + " a second");
}

void run(Face& face, const GenerateOptions& options) {
  const std::vector<std::string> prompts = all_prompts(options);
  OpenedModel opened = open_language_model(options, face);
  std::vector<std::vector<int32_t>> ids;
  for (const std::string& prompt : prompts) {
    std::vector<ChatTurn> turns;
    if (!options.system.empty()) turns.push_back({ChatRole::kSystem, options.system});
    turns.push_back({ChatRole::kUser, prompt});
    ids.push_back(opened.chat.prompt(opened.model.tokenizer(), turns).ids);
  }
  GenerationSettings settings = options.settings;
  settings.stop_ids.push_back(opened.chat.end_id(opened.model.tokenizer()));
  const bool alone = prompts.size() == 1 && !face.json;
  StreamCallback stream;
  DoneCallback done;
  if (alone) {
    stream = [](size_t, std::string_view piece) {
      std::cout << piece << std::flush;
      return true;
    };
  } else if (!face.json) {
    done = [&](size_t i, const GenerationResult& answer) {
      std::cout << i + 1 << "\t" << answer.text << "\n" << std::flush;
    };
  }
  const auto start = std::chrono::steady_clock::now();
  const auto answers = generate(opened.model, ids, settings, stream, done);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (alone) std::cout << "\n";
  show(face, prompts, answers, seconds.count());
}

}  // namespace

void add_generate(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("generate", "A language model's answer to a prompt, by hand");
  auto options = std::make_shared<GenerateOptions>();
  add_language_options(*verb, *options);
  verb->add_option("--prompt", options->prompts, "What the user says (may be given again)");
  verb->add_option("--file", options->file, "A prompt on each line; - is standard input");
  verb->add_option("--beams", options->settings.beams, "Beam search of this width")
      ->capture_default_str();
  verb->footer(
      "Example: gantry generate smollm2-135m-instruct --prompt \"Name three bones.\" "
      "--max-tokens 60");
  verb->callback([&face, options] { run(face, *options); });
}

}  // namespace gantry::cli
