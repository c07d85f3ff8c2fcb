#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace gantry {
namespace {

std::string reason() { return std::strerror(errno); }

[[noreturn]] void cannot_read(const std::filesystem::path& path) {
  throw Error("E0101", path.string() + ": cannot be read (" + reason() + ")",
              "Check the name and the file's permissions.");
}

[[noreturn]] void cannot_write(const std::filesystem::path& path) {
  throw Error("E0102", path.string() + ": cannot be written (" + reason() + ")",
              errno == ENOSPC ? "Free some disk space and run the command again; nothing was lost."
                              : "Check the folder's permissions; nothing was changed.");
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) cannot_read(path);
  std::string out;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    ::close(fd);
    errno = EISDIR;
    cannot_read(path);
  }
  if (info.st_size > 0) out.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int saved = errno;
      ::close(fd);
      errno = saved;
      cannot_read(path);
    }
    if (n == 0) break;
    out.append(buffer, static_cast<size_t>(n));
  }
  ::close(fd);
  return out;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string name = path_.string() + ".XXXXXX";
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) cannot_write(path_);
  temporary_ = name;
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t n = ::write(fd_, p, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_write(path_);
    p += n;
    bytes -= static_cast<size_t>(n);
  }
}

void AtomicFile::write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) cannot_write(path_);
  int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    int saved = errno;
    ::unlink(temporary_.c_str());
    errno = saved;
    cannot_write(path_);
  }
  // The rename itself must reach the disk too.
  auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) cannot_read(path);
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    errno = EINVAL;
    cannot_read(path);
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ > 0) {
    void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    int saved = errno;
    ::close(fd);
    errno = saved;
    if (p == MAP_FAILED) cannot_read(path);
    data_ = static_cast<const uint8_t*>(p);
  } else {
    ::close(fd);
  }
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

FileLock::FileLock(const std::filesystem::path& path, std::string_view doing) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) cannot_write(path);
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    fd_ = -1;
    throw Error("E0103", path.string() + ": another process is " + std::string(doing) + " here",
                "Wait for it to end, or end it; then run the command again.");
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

void make_private_folder(const std::filesystem::path& path) {
  if (path.empty() || std::filesystem::is_directory(path)) return;
  if (path.has_parent_path() && path.parent_path() != path) {
    std::error_code failed;
    if (!std::filesystem::is_directory(path.parent_path(), failed))
      make_private_folder(path.parent_path());
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) cannot_write(path);
}

}  // namespace gantry
