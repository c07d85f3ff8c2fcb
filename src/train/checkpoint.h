// Checkpoints: a JSON text and arrays of floats in one file, written whole or not at all, with a
// SHA-256 at the end, so that a torn or damaged file is known for what it is.
//
// Bytes: "GANTRY1\n", u64 length of the JSON, the JSON, for each array u64 count and its floats
// (little-endian), 64 hexadecimal digits of the SHA-256 of all before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gantry {

void write_floats_file(const std::filesystem::path& path, const std::string& json,
                       std::span<const std::span<const float>> arrays);

// The JSON, with the arrays copied into `arrays`; nothing (arrays possibly overwritten) when the
// file is absent, torn, damaged, or its arrays have other lengths.
std::optional<std::string> read_floats_file(const std::filesystem::path& path,
                                            std::span<const std::span<float>> arrays);
// The JSON alone; the whole file is checked.
std::optional<std::string> read_floats_file_json(const std::filesystem::path& path);

// Two places written in turn: while one is being written, the other holds the state before.
class CheckpointPair {
 public:
  explicit CheckpointPair(std::filesystem::path folder);
  // `json` must be an object; "serial" is added to it.
  void write(const std::string& json, std::span<const std::span<const float>> arrays);
  // The newest whole checkpoint, or nothing.
  std::optional<std::string> read(std::span<const std::span<float>> arrays);
  void remove();

 private:
  std::filesystem::path place(int64_t serial) const;
  std::filesystem::path folder_;
  int64_t serial_ = 0;
};

}  // namespace gantry
