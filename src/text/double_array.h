// A trie of byte strings as a double array, in the unit format of Darts-clone, which
// SentencePiece's `precompiled_charsmap` is made of. Serves as the dictionary of the subword models
// as well.
//
// A unit is 32 bits: label (bits 0-7), "a key ends here" (bit 8), offset (bits 10-30; shifted left
// by 8 where bit 9 is set). A value unit has bit 31 set and 31 bits of value. From the unit at
// place p the child by byte b is at (p ^ offset) ^ b, and a value at p ^ offset.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry {

class DoubleArray {
 public:
  using Key = std::pair<std::string_view, uint32_t>;  // bytes without NUL, value < 2^31

  DoubleArray() = default;
  // Takes units as they stand in a file. Every step is checked against the array's end, so that a
  // file that lies can find nothing but wrong values.
  explicit DoubleArray(std::vector<uint32_t> units) : units_(std::move(units)) {}
  // Keys in any order, each once and none empty; the keys are only read here.
  static DoubleArray build(std::vector<Key> keys);

  const std::vector<uint32_t>& units() const { return units_; }

  // Where a walk stands; a fresh one stands at the root.
  struct Place {
    uint32_t base = 0;
    bool has_value = false;
  };
  Place root() const { return {units_.empty() ? 0 : offset(units_[0]), false}; }
  // One byte further; false where no key goes on so.
  bool step(Place& place, unsigned char byte) const {
    const uint32_t at = place.base ^ byte;
    if (at >= units_.size()) return false;
    const uint32_t unit = units_[at];
    if ((unit & (kValueBit | 0xFF)) != byte) return false;
    place.base = at ^ offset(unit);
    place.has_value = (unit & kLeafBit) && place.base < units_.size();
    return true;
  }
  // The value of the key that ends at a place that has one.
  uint32_t value(const Place& place) const { return units_[place.base] & ~kValueBit; }

  // found(length, value) for every key that is a prefix of `text`, shortest first.
  template <typename Found>
  void prefixes(std::string_view text, Found found) const {
    Place place = root();
    for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
      if (!step(place, static_cast<unsigned char>(text[i]))) return;
      if (place.has_value) found(i + 1, value(place));
    }
  }

 private:
  static constexpr uint32_t kValueBit = 1u << 31, kLeafBit = 1u << 8;
  static uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

  std::vector<uint32_t> units_;
  friend class DoubleArrayBuilder;
};

}  // namespace gantry
