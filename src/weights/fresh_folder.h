// A folder that appears whole or not at all: filled under a temporary name beside its place, then
// renamed.
#pragma once

#include <filesystem>

namespace gantry {

class FreshFolder {
 public:
  // Error E0416 when `place` exists; E0102 when nothing can be made beside it. Remains of earlier
  // runs that were killed while filling the same place are removed.
  explicit FreshFolder(std::filesystem::path place);
  ~FreshFolder();  // without commit(): removes what was written
  FreshFolder(const FreshFolder&) = delete;
  FreshFolder& operator=(const FreshFolder&) = delete;

  const std::filesystem::path& path() const { return temporary_; }  // fill this
  void commit();                                                    // Errors E0102, E0416

 private:
  std::filesystem::path place_, temporary_;
  bool committed_ = false;
};

// Copies a file, fsynced, in pieces. Errors E0101, E0102.
void copy_file_synced(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace gantry
