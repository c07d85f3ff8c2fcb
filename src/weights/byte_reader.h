// Reads little-endian numbers and byte ranges off the front of a buffer; asking for more than there
// is throws the Error that the maker of the reader chose.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace gantry {

template <typename OnShort>  // void(): throws; called when the bytes run out
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, OnShort on_short)
      : bytes_(bytes), on_short_(std::move(on_short)) {}

  template <typename T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    const auto from = take(sizeof(T));
    std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }

  std::span<const uint8_t> take(uint64_t count) {
    if (count > bytes_.size() - position_) on_short_();
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  std::string_view text(uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t position_ = 0;
  OnShort on_short_;
};

}  // namespace gantry
