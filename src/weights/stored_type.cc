#include "weights/stored_type.h"

#include <bit>
#include <cstring>

#include "base/error.h"

namespace gantry {
namespace {

float float_of_half(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) {  // Inf, NaN
    return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  }
  if (magnitude >= 0x0400u) {  // the exponent's bias goes from 15 to 127
    return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  }
  const float value = static_cast<float>(magnitude) * 0x1.0p-24f;  // subnormal
  return sign ? -value : value;
}

uint16_t half_of_float(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds beyond 65,504
  if (magnitude < 0x38800000u) {                        // below 2^-14: subnormal or 0
    // Adding 0.5 lets the float unit itself round to a multiple of 2^-24, ties to even.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(rounded) - 0x3f000000u);
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return sign | static_cast<uint16_t>((magnitude - (112u << 23) + 0xfffu + odd) >> 13);
}

uint16_t bf16_of_float(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <typename T, typename Convert>
void convert_each(std::span<const uint8_t> bytes, std::span<float> values, Convert convert) {
  for (size_t i = 0; i < values.size(); ++i) {
    T stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(stored);
  }
}

template <typename T>
void cast_each(std::span<const uint8_t> bytes, std::span<float> values) {
  convert_each<T>(bytes, values, [](T x) { return static_cast<float>(x); });
}

}  // namespace

int64_t bytes_of(StoredType type) {
  switch (type) {
    case StoredType::f64:
    case StoredType::i64:
    case StoredType::u64:
      return 8;
    case StoredType::f32:
    case StoredType::i32:
    case StoredType::u32:
      return 4;
    case StoredType::f16:
    case StoredType::bf16:
    case StoredType::i16:
    case StoredType::u16:
      return 2;
    case StoredType::i8:
    case StoredType::u8:
    case StoredType::boolean:
      return 1;
  }
  GANTRY_CHECK(false);
}

std::string_view name_of(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return "F64";
    case StoredType::f32:
      return "F32";
    case StoredType::f16:
      return "F16";
    case StoredType::bf16:
      return "BF16";
    case StoredType::i64:
      return "I64";
    case StoredType::i32:
      return "I32";
    case StoredType::i16:
      return "I16";
    case StoredType::i8:
      return "I8";
    case StoredType::u64:
      return "U64";
    case StoredType::u32:
      return "U32";
    case StoredType::u16:
      return "U16";
    case StoredType::u8:
      return "U8";
    case StoredType::boolean:
      return "BOOL";
  }
  GANTRY_CHECK(false);
}

bool is_floating_point(StoredType type) {
  return type == StoredType::f64 || type == StoredType::f32 || type == StoredType::f16 ||
         type == StoredType::bf16;
}

void stored_to_float(StoredType type, std::span<const uint8_t> bytes, std::span<float> values) {
  GANTRY_CHECK(bytes.size() == values.size() * static_cast<size_t>(bytes_of(type)));
  switch (type) {
    case StoredType::f32:
      if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
      return;
    case StoredType::f16:
      return convert_each<uint16_t>(bytes, values, float_of_half);
    case StoredType::bf16:
      return convert_each<uint16_t>(bytes, values, [](uint16_t x) {
        return std::bit_cast<float>(static_cast<uint32_t>(x) << 16);
      });
    case StoredType::f64:
      return cast_each<double>(bytes, values);
    case StoredType::i64:
      return cast_each<int64_t>(bytes, values);
    case StoredType::i32:
      return cast_each<int32_t>(bytes, values);
    case StoredType::i16:
      return cast_each<int16_t>(bytes, values);
    case StoredType::i8:
      return cast_each<int8_t>(bytes, values);
    case StoredType::u64:
      return cast_each<uint64_t>(bytes, values);
    case StoredType::u32:
      return cast_each<uint32_t>(bytes, values);
    case StoredType::u16:
      return cast_each<uint16_t>(bytes, values);
    case StoredType::u8:
      return cast_each<uint8_t>(bytes, values);
    case StoredType::boolean:
      return convert_each<uint8_t>(bytes, values, [](uint8_t x) { return x != 0 ? 1.0f : 0.0f; });
  }
}

void float_to_stored(StoredType type, std::span<const float> values, std::span<uint8_t> bytes) {
  GANTRY_CHECK(bytes.size() == values.size() * static_cast<size_t>(bytes_of(type)));
  if (values.empty()) return;
  if (type == StoredType::f32) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return;
  }
  GANTRY_CHECK(type == StoredType::f16 || type == StoredType::bf16);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t stored =
        type == StoredType::f16 ? half_of_float(values[i]) : bf16_of_float(values[i]);
    std::memcpy(bytes.data() + 2 * i, &stored, 2);
  }
}

int64_t first_not_finite(std::span<const float> values) {
  constexpr size_t kBlock = 4096;  // a block is judged as a whole first: that loop vectorises
  for (size_t start = 0; start < values.size(); start += kBlock) {
    const auto block = values.subspan(start, std::min(kBlock, values.size() - start));
    uint32_t bad = 0;
    for (float value : block) {
      bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & 0x7f800000u) == 0x7f800000u);
    }
    if (bad == 0) continue;
    for (size_t i = 0; i < block.size(); ++i) {
      if ((std::bit_cast<uint32_t>(block[i]) & 0x7f800000u) == 0x7f800000u) {
        return static_cast<int64_t>(start + i);
      }
    }
  }
  return -1;
}

}  // namespace gantry
