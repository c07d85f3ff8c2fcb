#include "ops/nf4.h"

#include <algorithm>
#include <array>

namespace gantry {
namespace {

constexpr int kBins = 1024;  // narrower than any level's range, so that a guess is one off at most

struct Table {
  std::array<float, 16> above{};  // x > above[i]: nearer to level i + 1 than to level i
  std::array<uint8_t, kBins + 1> guess{};
  Table() {
    for (size_t i = 0; i + 1 < 16; ++i) above[i] = (kNf4Levels[i] + kNf4Levels[i + 1]) / 2;
    above[15] = 2;
    for (int bin = 0; bin <= kBins; ++bin) {
      const float low = static_cast<float>(bin) / (kBins / 2) - 1.0f;
      uint8_t code = 0;
      while (low > above[code]) ++code;
      guess[static_cast<size_t>(bin)] = code;
    }
  }
};

}  // namespace

uint8_t nf4_code(float x) {
  static const Table table;
  x = std::clamp(x, -1.0f, 1.0f);
  uint8_t code = table.guess[static_cast<size_t>((x + 1.0f) * (kBins / 2))];
  while (x > table.above[code]) ++code;
  return code;
}

}  // namespace gantry
