#include "weights/block_types.h"

#include <cstring>

#include "base/error.h"
#include "weights/stored_type.h"

namespace gantry {
namespace {

struct Format {
  BlockType type;
  uint32_t ggml_id;
  std::string_view name;
  int64_t elements, bytes;
};

constexpr Format kFormats[] = {
    {BlockType::f32, 0, "F32", 1, 4},        {BlockType::f16, 1, "F16", 1, 2},
    {BlockType::bf16, 30, "BF16", 1, 2},     {BlockType::q4_0, 2, "Q4_0", 32, 18},
    {BlockType::q4_1, 3, "Q4_1", 32, 20},    {BlockType::q5_0, 6, "Q5_0", 32, 22},
    {BlockType::q5_1, 7, "Q5_1", 32, 24},    {BlockType::q8_0, 8, "Q8_0", 32, 34},
    {BlockType::q4_k, 12, "Q4_K", 256, 144}, {BlockType::q5_k, 13, "Q5_K", 256, 176},
    {BlockType::q6_k, 14, "Q6_K", 256, 210}};

const Format& format_of(BlockType type) {
  for (const Format& format : kFormats) {
    if (format.type == type) return format;
  }
  GANTRY_CHECK(false);
}

float half_at(const uint8_t* at) {
  float value;
  stored_to_float(StoredType::f16, {at, 2}, {&value, 1});
  return value;
}

// 32 weights: byte j holds the low four bits of weight j and of weight j + 16; `high` has the fifth
// bit of weight j as its bit j.
void decode_halves(const uint8_t* nibbles, uint32_t high, float scale, float offset, int zero,
                   float* out) {
  for (int j = 0; j < 16; ++j) {
    const int low = (nibbles[j] & 15) | static_cast<int>((high >> j & 1) << 4);
    const int upper = (nibbles[j] >> 4) | static_cast<int>((high >> (j + 16) & 1) << 4);
    out[j] = static_cast<float>(low - zero) * scale + offset;
    out[j + 16] = static_cast<float>(upper - zero) * scale + offset;
  }
}

uint32_t word_at(const uint8_t* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void decode_q4_0(const uint8_t* b, float* out) { decode_halves(b + 2, 0, half_at(b), 0, 8, out); }
void decode_q4_1(const uint8_t* b, float* out) {
  decode_halves(b + 4, 0, half_at(b), half_at(b + 2), 0, out);
}
void decode_q5_0(const uint8_t* b, float* out) {
  decode_halves(b + 6, word_at(b + 2), half_at(b), 0, 16, out);
}
void decode_q5_1(const uint8_t* b, float* out) {
  decode_halves(b + 8, word_at(b + 4), half_at(b), half_at(b + 2), 0, out);
}
void decode_q8_0(const uint8_t* b, float* out) {
  const float scale = half_at(b);
  for (int j = 0; j < 32; ++j) {
    out[j] = static_cast<float>(static_cast<int8_t>(b[2 + j])) * scale;
  }
}

// Six-bit scale and minimum of the j-th 32 weights, packed into 12 bytes.
void scale_and_minimum(const uint8_t* packed, int j, int* scale, int* minimum) {
  if (j < 4) {
    *scale = packed[j] & 63;
    *minimum = packed[j + 4] & 63;
  } else {
    *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
    *minimum = (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
  }
}

// Q4_K and Q5_K: d, dmin, 12 bytes of scales, (32 bytes of fifth bits,) 128 bytes of nibbles.
void decode_scaled_256(const uint8_t* b, const uint8_t* fifth_bits, const uint8_t* nibbles,
                       float* out) {
  const float d = half_at(b), d_minimum = half_at(b + 2);
  for (int j = 0; j < 8; ++j) {
    int scale, minimum;
    scale_and_minimum(b + 4, j, &scale, &minimum);
    const float step = d * static_cast<float>(scale);
    const float offset = d_minimum * static_cast<float>(minimum);
    const uint8_t* from = nibbles + j / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      int q = j % 2 == 0 ? from[l] & 15 : from[l] >> 4;
      if (fifth_bits) q |= (fifth_bits[l] >> j & 1) << 4;
      out[j * 32 + l] = step * static_cast<float>(q) - offset;
    }
  }
}

void decode_q4_k(const uint8_t* b, float* out) { decode_scaled_256(b, nullptr, b + 16, out); }
void decode_q5_k(const uint8_t* b, float* out) { decode_scaled_256(b, b + 16, b + 48, out); }

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 scales, d.
void decode_q6_k(const uint8_t* b, float* out) {
  const float d = half_at(b + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = b + half * 64;
    const uint8_t* high = b + 128 + half * 32;
    const uint8_t* scales = b + 192 + half * 8;
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int l = 0; l < 32; ++l) {
        const uint8_t byte = low[l + quarter % 2 * 32];
        const int nibble = quarter < 2 ? byte & 15 : byte >> 4;
        const int q = (nibble | (high[l] >> (2 * quarter) & 3) << 4) - 32;
        const auto scale = static_cast<float>(static_cast<int8_t>(scales[quarter * 2 + l / 16]));
        out[half * 128 + quarter * 32 + l] = d * scale * static_cast<float>(q);
      }
    }
  }
}

}  // namespace

std::optional<BlockType> block_type_of(uint32_t ggml_id) {
  for (const Format& format : kFormats) {
    if (format.ggml_id == ggml_id) return format.type;
  }
  return std::nullopt;
}

std::string_view name_of(BlockType type) { return format_of(type).name; }
int64_t block_elements(BlockType type) { return format_of(type).elements; }
int64_t block_bytes(BlockType type) { return format_of(type).bytes; }

void blocks_to_float(BlockType type, std::span<const uint8_t> bytes, std::span<float> values) {
  const Format& format = format_of(type);
  const int64_t blocks = static_cast<int64_t>(values.size()) / format.elements;
  GANTRY_CHECK(blocks * format.elements == static_cast<int64_t>(values.size()));
  GANTRY_CHECK(blocks * format.bytes == static_cast<int64_t>(bytes.size()));
  const auto each = [&](void (*decode)(const uint8_t*, float*)) {
    for (int64_t i = 0; i < blocks; ++i) {
      decode(bytes.data() + i * format.bytes, values.data() + i * format.elements);
    }
  };
  switch (type) {
    case BlockType::f32:
      return stored_to_float(StoredType::f32, bytes, values);
    case BlockType::f16:
      return stored_to_float(StoredType::f16, bytes, values);
    case BlockType::bf16:
      return stored_to_float(StoredType::bf16, bytes, values);
    case BlockType::q4_0:
      return each(decode_q4_0);
    case BlockType::q4_1:
      return each(decode_q4_1);
    case BlockType::q5_0:
      return each(decode_q5_0);
    case BlockType::q5_1:
      return each(decode_q5_1);
    case BlockType::q8_0:
      return each(decode_q8_0);
    case BlockType::q4_k:
      return each(decode_q4_k);
    case BlockType::q5_k:
      return each(decode_q5_k);
    case BlockType::q6_k:
      return each(decode_q6_k);
  }
}

}  // namespace gantry
