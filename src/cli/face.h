// The face: what every verb shares. Results of --json go to stdout as one object; words and
// progress go to stderr.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/progress.h"

namespace gantry::cli {

class Face {
 public:
  bool json = false;
  bool quiet = false;
  std::string study;  // --study DIR, or empty: the study one stands in
  int threads = 0;

  // Shows progress on stderr: a moving line on a terminal, else a line now and then.
  ProgressSink progress();

  // The verb's result: `object` on stdout with --json; otherwise `text` on stdout (listings) .
  void result(const nlohmann::json& object, const std::string& text);
  // Words for a person, on stderr; silent with --quiet.
  void say(const std::string& line);

  int exit_code = 0;

 private:
  double last_shown_ = 0;
  bool line_open_ = false;
  void close_line();
};

// Splits "key=value" settings from file names among a verb's words. A word that names an existing
// file is a file.
struct SortedWords {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
};
SortedWords sort_words(const std::vector<std::string>& words);

// One function a verb; each adds its subcommand to the program.
void add_init(CLI::App& app, Face& face);
void add_import(CLI::App& app, Face& face);
void add_records(CLI::App& app, Face& face);
void add_cohort(CLI::App& app, Face& face);
void add_split(CLI::App& app, Face& face);
void add_train(CLI::App& app, Face& face);
void add_test(CLI::App& app, Face& face);
void add_predict(CLI::App& app, Face& face);
void add_report(CLI::App& app, Face& face);
void add_readings(CLI::App& app, Face& face);
void add_ratings(CLI::App& app, Face& face);
void add_compare(CLI::App& app, Face& face);
void add_model(CLI::App& app, Face& face);
void add_generate(CLI::App& app, Face& face);
void add_chat(CLI::App& app, Face& face);
void add_codes(CLI::App& app, Face& face);
void add_status(CLI::App& app, Face& face);
void add_doctor(CLI::App& app, Face& face);
void add_version(CLI::App& app, Face& face);
void add_completion(CLI::App& app, Face& face);

}  // namespace gantry::cli
