#include "weights/fresh_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& path, int error) {
  throw Error("E0102", path.string() + ": cannot be written (" + std::strerror(error) + ")",
              error == ENOSPC ? "Free some disk space and run the command again."
                              : "Check the folder's permissions; nothing was changed.");
}

[[noreturn]] void taken(const fs::path& path) {
  throw Error("E0416", path.string() + ": exists already",
              "Choose another name, or move the folder away first.");
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// ".NAME.partial-PID" of processes that are gone.
void remove_remains(const fs::path& parent, const std::string& stem) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(stem)) continue;
    const long pid = std::strtol(name.c_str() + stem.size(), nullptr, 10);
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

FreshFolder::FreshFolder(fs::path place) : place_(std::move(place)) {
  if (!place_.has_filename()) place_ = place_.parent_path();  // "models/x/"
  if (fs::exists(fs::symlink_status(place_))) taken(place_);
  const fs::path parent = place_.has_parent_path() ? place_.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) cannot_write(parent, error.value());
  const std::string stem = "." + place_.filename().string() + ".partial-";
  remove_remains(parent, stem);
  temporary_ = parent / (stem + std::to_string(::getpid()));
  fs::remove_all(temporary_, error);
  if (!fs::create_directory(temporary_, error)) cannot_write(temporary_, error.value());
}

FreshFolder::~FreshFolder() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void FreshFolder::commit() {
  sync_folder(temporary_);
  if (fs::exists(fs::symlink_status(place_))) taken(place_);
  std::error_code error;
  fs::rename(temporary_, place_, error);
  if (error) cannot_write(place_, error.value());
  committed_ = true;
  sync_folder(place_.has_parent_path() ? place_.parent_path() : fs::path("."));
}

void copy_file_synced(const fs::path& from, const fs::path& to) {
  const MappedFile source(from);
  AtomicFile out(to);
  const auto bytes = source.bytes();
  out.write(bytes.data(), bytes.size());
  out.commit();
}

}  // namespace gantry
