#include "weights/block_encode.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "weights/stored_type.h"

namespace gantry {
namespace {

// Rounds to f16, stores it, and returns what was stored.
float put_half(float value, uint8_t* at) {
  float_to_stored(StoredType::f16, {&value, 1}, {at, 2});
  float stored;
  stored_to_float(StoredType::f16, {at, 2}, {&stored, 1});
  return stored;
}

// The scale is rounded only where it is stored: the weights are divided by the exact one.
void encode_q8_0(const float* x, uint8_t* b) {
  float largest = 0;
  for (int j = 0; j < 32; ++j) largest = std::max(largest, std::fabs(x[j]));
  const float scale = largest / 127, inverse = scale > 0 ? 1 / scale : 0;
  put_half(scale, b);
  for (int j = 0; j < 32; ++j)
    b[2 + j] = static_cast<uint8_t>(static_cast<int8_t>(std::roundf(x[j] * inverse)));
}

// The value of largest size becomes -8, the end of the range that has one step more.
void encode_q4_0(const float* x, uint8_t* b) {
  float largest = 0;
  for (int j = 0; j < 32; ++j)
    if (std::fabs(x[j]) > std::fabs(largest)) largest = x[j];
  const float scale = largest / -8, inverse = scale != 0 ? 1 / scale : 0;
  put_half(scale, b);
  const auto level = [&](float value) {
    return std::min(15, static_cast<int>(value * inverse + 8.5f));
  };
  for (int j = 0; j < 16; ++j) b[2 + j] = static_cast<uint8_t>(level(x[j]) | level(x[j + 16]) << 4);
}

}  // namespace

uint32_t ggml_id_of(BlockType type) {
  for (uint32_t id = 0; id < 64; ++id)
    if (const auto known = block_type_of(id); known && *known == type) return id;
  GANTRY_CHECK(false);
}

bool can_encode(BlockType type) {
  return type == BlockType::f32 || type == BlockType::f16 || type == BlockType::bf16 ||
         type == BlockType::q8_0 || type == BlockType::q4_0;
}

void floats_to_blocks(BlockType type, std::span<const float> values, std::span<uint8_t> bytes) {
  GANTRY_CHECK(can_encode(type));
  const int64_t per_block = block_elements(type), size = block_bytes(type);
  const auto blocks = static_cast<int64_t>(values.size()) / per_block;
  GANTRY_CHECK(blocks * per_block == static_cast<int64_t>(values.size()) &&
               blocks * size == static_cast<int64_t>(bytes.size()));
  if (type == BlockType::f32) return float_to_stored(StoredType::f32, values, bytes);
  if (type == BlockType::f16) return float_to_stored(StoredType::f16, values, bytes);
  if (type == BlockType::bf16) return float_to_stored(StoredType::bf16, values, bytes);
  for (int64_t i = 0; i < blocks; ++i)
    (type == BlockType::q8_0 ? encode_q8_0 : encode_q4_0)(values.data() + i * per_block,
                                                          bytes.data() + i * size);
}

}  // namespace gantry
