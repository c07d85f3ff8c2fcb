// What the tests of this folder share.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "study/settings.h"
#include "study/task.h"

namespace gantry {

// Lets the program's data be found in the source tree.
inline const int kDataFolderForTests = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

// What the Error that `action` throws says.
template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The bone-metastasis task with the published sections, whatever recipe the task file holds.
inline Settings bone_metastasis() {
  Settings settings;
  load_task("bone-metastasis", settings);
  settings.sections.use = {"indication", "diagnosis"};
  settings.sections.tags = {"臨床情報: ", "診断: "};
  settings.sections.required = {"diagnosis"};
  settings.sections.wording.clear();
  return settings;
}

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gantry-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace gantry
