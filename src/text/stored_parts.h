// The parts of a stored model: numbers and texts one behind the other (little-endian, as on every
// machine Gantry runs on), a first line that names the kind, and a SHA-256 at the end.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"

namespace gantry {

class PartsWriter {
 public:
  explicit PartsWriter(std::string_view magic) : bytes_(magic) {}
  template <typename T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename T>
  void numbers(std::span<const T> values) {
    number(static_cast<uint64_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }
  void text(std::string_view value) {
    number(static_cast<uint64_t>(value.size()));
    bytes_.append(value);
  }
  std::string finish() && { return bytes_ + sha256_hex(bytes_); }

 private:
  std::string bytes_;
};

class PartsReader {
 public:
  // E0652, with `what` in front, when the magic or the checksum does not fit.
  PartsReader(std::string_view bytes, std::string_view magic, std::string what)
      : what_(std::move(what)) {
    constexpr size_t kHashBytes = 64;  // hexadecimal
    if (bytes.size() < magic.size() + kHashBytes) refuse("the file is cut short");
    if (!bytes.starts_with(magic)) refuse("another kind of file, or one of another version");
    left_ = bytes.substr(0, bytes.size() - kHashBytes);
    if (sha256_hex(left_) != bytes.substr(left_.size())) refuse("the checksum does not fit");
    left_.remove_prefix(magic.size());
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error("E0652", what_ + ": " + why,
                "Fit the baseline again with `gantry train`, or restore the file from a backup.");
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  template <typename T>
  std::vector<T> numbers() {
    const uint64_t n = number<uint64_t>();
    if (n > left_.size() / sizeof(T)) refuse("a length is beyond the end");
    std::vector<T> values(n);
    const std::string_view bytes = take(n * sizeof(T));
    if (n > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    if constexpr (std::is_floating_point_v<T>) {
      for (T v : values) {
        if (!std::isfinite(v)) refuse("a weight is not a number");
      }
    }
    return values;
  }
  std::string_view text() { return take(number<uint64_t>()); }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view take(uint64_t n) {
    if (n > left_.size()) refuse("a length is beyond the end");
    const std::string_view piece = left_.substr(0, n);
    left_.remove_prefix(n);
    return piece;
  }
  std::string_view left_;
  std::string what_;
};

}  // namespace gantry
