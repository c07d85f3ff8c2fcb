// For tests: a folder of its own that is gone afterwards, and what a call's Error says.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace gantry {

class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-weights-XXXXXX").string();
    GANTRY_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path test_data(const std::string& name) {
  return std::filesystem::path(GANTRY_SOURCE_DIR) / "tests" / "data" / "weights" / name;
}

// The whole text of the Error that `body` throws, "" when it throws none.
template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline ::testing::AssertionResult says(const std::string& error, const std::string& words) {
  if (error.find(words) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << error << "\" does not say \"" << words << "\"";
}

// Where a base model lies on this machine's shelf; empty when it is not there.
inline std::filesystem::path base_model(const std::string& name) {
  const char* shelf = std::getenv("GANTRY_MODELS");
  const char* home = std::getenv("HOME");
  const std::filesystem::path folder =
      shelf ? shelf : std::filesystem::path(home ? home : "") / ".local/share/gantry/models";
  return std::filesystem::exists(folder / name) ? folder / name : std::filesystem::path();
}

}  // namespace gantry
