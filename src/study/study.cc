#include "study/study.h"

#include "base/error.h"
#include "base/file.h"
#include "study/settings_table.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

bool is_task_file(const std::string& task) {
  return task.find('/') != std::string::npos || task.ends_with(".toml");
}

// The task named in study.toml; a task file lies beside it.
std::string task_of(const fs::path& folder, const Settings& settings) {
  const std::string& task = settings.study.task;
  return is_task_file(task) ? (folder / task).string() : task;
}

void apply(Settings& settings, std::span<const std::string> overrides) {
  for (const std::string& word : overrides) override_setting(settings, word);
  check_settings(settings);
}

}  // namespace

Study Study::create(const fs::path& folder, const std::string& task_name,
                    std::span<const std::string> overrides) {
  Study study;
  study.folder_ = fs::absolute(folder).lexically_normal();
  if (!study.folder_.has_filename()) study.folder_ = study.folder_.parent_path();
  std::error_code trouble;
  if (fs::exists(study.settings_path(), trouble))
    throw Error("E0508", "there is a study already in '" + folder.string() + "'",
                "Give another folder, or work on that study.");
  study.task_ = load_task(task_name, study.settings_);
  study.settings_.study.name = study.folder_.filename().string();
  const Settings of_task = study.settings_;
  apply(study.settings_, overrides);

  make_private_folder(study.folder_);
  // A folder that was there already is closed too: what comes into it is about patients.
  fs::permissions(study.folder_, fs::perms::owner_all, trouble);
  if (trouble)
    throw Error("E0102",
                "'" + folder.string() + "' cannot be closed to others: " + trouble.message(),
                "A study lies in a folder of your own; give another one.");
  if (is_task_file(task_name)) {
    study.settings_.study.task = "task.toml";
    write_file_atomically(study.folder_ / "task.toml", read_file(study.task_.file));
    study.task_.file = study.folder_ / "task.toml";
  }
  write_file_atomically(study.settings_path(), commented_study_toml(study.settings_, of_task));
  return study;
}

Study Study::open(const fs::path& folder, std::span<const std::string> overrides) {
  Study study;
  std::error_code ignored;
  for (fs::path place = fs::absolute(folder).lexically_normal();; place = place.parent_path()) {
    if (fs::exists(place / "study.toml", ignored)) {
      study.folder_ = place.has_filename() ? place : place.parent_path();
      break;
    }
    if (place == place.root_path())
      throw Error("E0509", "there is no study in '" + folder.string() + "' or above it",
                  "Make one with `gantry init DIR --task bone-metastasis`, or name it by --study.");
  }
  // The task's defaults lie under study.toml, and study.toml names the task.
  Settings first;
  read_settings_file(first, study.settings_path(), SettingsFile::kStudy);
  study.task_ = load_task(task_of(study.folder_, first), study.settings_);
  read_settings_file(study.settings_, study.settings_path(), SettingsFile::kStudy);
  if (study.settings_.study.name.empty())
    study.settings_.study.name = study.folder_.filename().string();
  apply(study.settings_, overrides);
  study.overrides_.assign(overrides.begin(), overrides.end());
  return study;
}

}  // namespace gantry
