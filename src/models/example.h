// Example: what the engine sees of a report. Token ids, a label and a number to seed its dropout;
// never a text, never a patient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gantry {

struct Example {
  uint64_t key = 0;  // stable id of the report (a hash of its id); seeds its dropout
  // Token ids of the whole vocabulary, with the special tokens, each window at most
  // EncoderConfig::max_tokens() long and none empty. Most reports have one window.
  std::vector<std::vector<int32_t>> windows;
  int label = -1;    // class index, or -1 when unknown (inference)
  float weight = 1;  // of its loss, beside the class weight
  size_t tokens() const {
    size_t n = 0;
    for (const auto& w : windows) n += w.size();
    return n;
  }
};

}  // namespace gantry
