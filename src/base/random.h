// Counter-based random numbers: the n-th number of a stream is a function of (seed, stream, n)
// alone, so that results do not depend on threads, on order of evaluation or on what was drawn
// elsewhere.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry {

// A bijective 64-bit mixer (the SplitMix64 finalizer; Steele, Lea, Flood, OOPSLA 2014).
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
constexpr uint64_t mix64(uint64_t a, uint64_t b) { return mix64(mix64(a) ^ b); }

// FNV-1a of a name, to turn "dropout" or a report's id into a stream number.
constexpr uint64_t stream_of(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : key_(mix64(seed, stream)) {}

  uint64_t next() { return mix64(key_, counter_++); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  double normal();                                                            // N(0, 1), Box-Muller
  uint64_t below(uint64_t n);  // unbiased in [0, n), n > 0

  template <typename T>
  void shuffle(std::vector<T>& items) {  // Fisher-Yates
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  uint64_t counter() const { return counter_; }
  void seek(uint64_t counter) { counter_ = counter; }

 private:
  uint64_t key_, counter_ = 0;
};

}  // namespace gantry
