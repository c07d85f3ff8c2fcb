#include "study/task.h"

#include <toml++/toml.h>
#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "study/data_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".toml");
}

fs::path task_path(const std::string& name) {
  std::error_code ignored;
  if (is_path(name)) {
    if (fs::exists(name, ignored)) return name;
    throw Error("E0507", "there is no task file '" + name + "'", "Give the path of a task file.");
  }
  std::vector<std::string> known = known_tasks();
  if (std::find(known.begin(), known.end(), name) != known.end())
    return data_file("tasks/" + name + ".toml");
  std::string listed, near = nearest_word(name, known);
  for (const std::string& task : known) listed += (listed.empty() ? "" : ", ") + task;
  throw Error("E0507", "unknown task '" + name + "'",
              (near.empty() ? "" : "Did you mean '" + near + "'? ") + "Known tasks: " + listed +
                  ". A task of your own is given as the path of its file.");
}

// One key of [task]; E0503 when it is of another type.
std::string text_in(const toml::table& table, const char* key, const std::string& file) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return {};
  if (auto text = node->value_exact<std::string>()) return *text;
  throw Error("E0503",
              file + ", line " + std::to_string(node->source().begin.line) + ", task." + key +
                  ": not a text",
              "Give a text.");
}

// One word, or a list of them.
std::vector<std::string> answers_in(const toml::table& table, const std::string& file) {
  const toml::node* node = table.get("answers");
  if (node == nullptr) return {"closed-set"};
  std::vector<std::string> words;
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& one : *list) words.push_back(one.value_or(std::string()));
  } else {
    words.push_back(node->value_or(std::string()));
  }
  for (const std::string& word : words)
    if (word != "closed-set" && word != "codes" && word != "text")
      throw Error("E0503",
                  file + ", line " + std::to_string(node->source().begin.line) +
                      ", task.answers: \"" + word + "\" is not among its words",
                  "Give \"closed-set\", \"codes\" or \"text\", or a list of them.");
  return words;
}

}  // namespace

std::vector<std::string> known_tasks() {
  std::vector<std::string> names;
  // tasks/ also holds other tables; a task file is one with a [task] table.
  for (const auto& entry : fs::directory_iterator(data_file("tasks"))) {
    if (entry.path().extension() != ".toml") continue;
    std::string text = read_file(entry.path());
    if (text.starts_with("[task]") || text.find("\n[task]") != std::string::npos)
      names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Task load_task(const std::string& name, Settings& settings) {
  Task task;
  task.file = task_path(name);
  read_settings_file(settings, task.file, SettingsFile::kTask);
  settings.study.task = is_path(name) ? task.file.filename().string() : name;

  std::string file = task.file.filename().string();
  toml::table whole = toml::parse(read_file(task.file), std::string_view(file));
  const toml::table* about = whole["task"].as_table();
  if (about == nullptr)
    throw Error("E0507", file + ": no table [task]", "Give it a title and the kind of answers.");
  const std::vector<std::string> known = {"title",       "title_ja", "question",
                                          "question_ja", "source",   "answers"};
  for (auto&& [key, node] : *about) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    std::string near = nearest_word(key.str(), known);
    throw Error("E0502",
                file + ", line " + std::to_string(node.source().begin.line) +
                    ": unknown setting 'task." + std::string(key.str()) + "'",
                near.empty() ? "" : "The nearest known one is 'task." + near + "'.");
  }
  task.name = task.file.stem().string();
  task.title = text_in(*about, "title", file);
  task.title_ja = text_in(*about, "title_ja", file);
  task.question = text_in(*about, "question", file);
  task.question_ja = text_in(*about, "question_ja", file);
  task.source = text_in(*about, "source", file);
  settings.study.answers = answers_in(*about, file);
  if (settings.study.asks("closed-set") && settings.labels.values.empty())
    throw Error("E0507", file + ": answers are a closed set and [labels] names none",
                "Give labels.values.");
  return task;
}

}  // namespace gantry
