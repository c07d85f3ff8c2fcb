// The rotary frequencies of a decoder, stretched as its config says (transformers'
// modeling_rope_utils.py).
#pragma once

#include <cstdint>
#include <vector>

#include "ops/rope.h"
#include "weights/decoder_config.h"

namespace gantry {

// [head_size / 2] radians a position. `longest`: the longest text of the run, which a `dynamic`
// scaling (NTK-aware) stretches to where it is longer than the original context. transformers takes
// the longest text of the batch instead, so that there an answer depends on its batch mates; here
// it does not.
std::vector<double> rotary_frequencies(const DecoderConfig& config, int64_t longest);

inline RopeTable rope_table(const DecoderConfig& config, int64_t positions) {
  return RopeTable(rotary_frequencies(config, positions), positions);
}

}  // namespace gantry
