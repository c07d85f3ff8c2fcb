// A task as data: what is asked, what answers there are, and which part of a record the model
// reads. A task file (tasks/bone-metastasis.toml) holds the table [task] and the task's defaults
// for any section of study.toml; a hospital adds a task by writing one, without a compiler.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/settings.h"

namespace gantry {

struct Task {
  std::string name;   // "bone-metastasis"
  std::string title;  // "Bone metastasis in radiology reports"
  std::string title_ja;
  std::string question;  // one sentence, for the report
  std::string question_ja;
  std::string source;  // the published study that the defaults follow, or ""
  std::filesystem::path file;
};

// Reads the task file and lays its defaults over `settings`; [task] answers, a word or a list of
// them, becomes settings.study.answers. `name` is a task of the program
// ("bone-metastasis"), or the path of a task file. Errors E0507 (no such task, naming the nearest
// and the known ones), and those of read_settings_file.
Task load_task(const std::string& name, Settings& settings);

// The tasks that come with the program.
std::vector<std::string> known_tasks();

}  // namespace gantry
