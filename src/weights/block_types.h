// The number formats of tensors in GGUF files: plain floats and ggml's blocks of 32 or 256 weights
// that share scales. Layouts and formulas: ggml-common.h and ggml-quants.c (llama.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gantry {

enum class BlockType { f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k };

std::optional<BlockType> block_type_of(uint32_t ggml_id);  // none: not read
std::string_view name_of(BlockType type);                  // "Q4_K"
int64_t block_elements(BlockType type);                    // 1, 32 or 256
int64_t block_bytes(BlockType type);

// Whole blocks as floats: values.size() is a multiple of block_elements(type), and `bytes` has
// exactly the blocks for it.
void blocks_to_float(BlockType type, std::span<const uint8_t> bytes, std::span<float> values);

}  // namespace gantry
