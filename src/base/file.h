// Files: read whole, mapped, written so that power loss leaves the old or the new content, and
// locked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gantry {

// The whole file. Error E0101 when it cannot be opened or read.
std::string read_file(const std::filesystem::path& path);

// Writes `path` beside itself, fsyncs, renames over the old file and fsyncs the folder: after a
// power cut the old or the new content is there, never a part. Error E0102 (disk full, read-only
// folder, ...); the old file is untouched.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

// The same for content produced in pieces: write to the stream of a temporary file, then commit().
// Destroyed without commit(), nothing remains.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view bytes);
  void write(const void* data, size_t bytes);
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

// A file mapped read-only. Error E0101 when it cannot be opened.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// An exclusive advisory lock on `path` (created if missing), held until destruction.
// Error E0103, naming `doing`, when another process holds it ("another `gantry train` is at work in
// this study").
class FileLock {
 public:
  FileLock(const std::filesystem::path& path, std::string_view doing);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

// Makes a folder that only its owner can read (0700), and its parents. Error E0102.
void make_private_folder(const std::filesystem::path& path);

}  // namespace gantry
