// A study: one folder with study.toml, the record store, the runs, the tests and the report,
// readable by its owner alone.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "study/settings.h"
#include "study/task.h"

namespace gantry {

class Study {
 public:
  // Makes the folder (0700) with a commented study.toml for `task` (a name, or the path of a task
  // file, which is copied into the study). Errors E0508 (there is a study already), E0507, E0102,
  // and those of override_setting.
  static Study create(const std::filesystem::path& folder, const std::string& task,
                      std::span<const std::string> overrides = {});

  // Opens the study in `folder` or, where that holds none, in the nearest folder above it. Errors
  // E0509 (no study here), E0501..E0505.
  static Study open(const std::filesystem::path& folder,
                    std::span<const std::string> overrides = {});

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path settings_path() const { return folder_ / "study.toml"; }
  std::filesystem::path records_path() const { return folder_ / "records.sqlite"; }
  std::filesystem::path split_path() const { return folder_ / "split.json"; }
  std::filesystem::path runs_folder() const { return folder_ / "runs"; }
  std::filesystem::path tests_folder() const { return folder_ / "tests"; }
  std::filesystem::path report_folder() const { return folder_ / "report"; }
  std::filesystem::path lock_path() const { return folder_ / "lock"; }

  const Settings& settings() const { return settings_; }
  const Task& task() const { return task_; }
  std::string settings_hash() const { return gantry::settings_hash(settings_); }
  // The words given after the verb, for the run's identity.
  const std::vector<std::string>& overrides() const { return overrides_; }

 private:
  std::filesystem::path folder_;
  Settings settings_;
  Task task_;
  std::vector<std::string> overrides_;
};

}  // namespace gantry
