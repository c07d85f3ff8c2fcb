// For tests: reports of random tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "models/example.h"

namespace gantry {

// Three classes in turn; one window or two of 1 to `longest` tokens in [5, 5 + words).
inline std::vector<Example> random_reports(int n, uint64_t seed, uint64_t longest, uint64_t words) {
  Random random(seed);
  std::vector<Example> out;
  for (int i = 0; i < n; ++i) {
    Example e{.key = mix64(seed, static_cast<uint64_t>(i)), .label = i % 3};
    for (uint64_t w = 0; w <= random.below(2); ++w) {
      e.windows.emplace_back();
      for (uint64_t t = 0; t <= random.below(longest); ++t)
        e.windows.back().push_back(static_cast<int32_t>(5 + random.below(words)));
    }
    out.push_back(e);
  }
  return out;
}

}  // namespace gantry
