// Floats into the number formats of GGUF files: F32, F16, BF16 and ggml's Q8_0 and Q4_0, rounded as
// llama.cpp's reference quantisation does (ggml-quants.c, quantize_row_q8_0_ref and _q4_0_ref).
#pragma once

#include <cstdint>
#include <span>

#include "weights/block_types.h"

namespace gantry {

uint32_t ggml_id_of(BlockType type);  // as a GGUF file numbers it
bool can_encode(BlockType type);      // the five above

// values.size() is a multiple of block_elements(type); `bytes` takes exactly its blocks. CHECKs
// can_encode(type).
void floats_to_blocks(BlockType type, std::span<const float> values, std::span<uint8_t> bytes);

}  // namespace gantry
