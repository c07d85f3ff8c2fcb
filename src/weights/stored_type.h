// The number formats that weight files hold, and their conversion to and from float.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gantry {

enum class StoredType { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

int64_t bytes_of(StoredType type);          // of one element
std::string_view name_of(StoredType type);  // as safetensors writes it: "F32", "BF16", "BOOL"
bool is_floating_point(StoredType type);

// Little-endian `bytes` (bytes_of(type) x values.size() of them) as floats; f64 and integers are
// rounded to nearest. NaN and Inf pass through.
void stored_to_float(StoredType type, std::span<const uint8_t> bytes, std::span<float> values);

// The other way, for f32, f16 and bf16: to nearest, ties to even; beyond the range becomes Inf.
void float_to_stored(StoredType type, std::span<const float> values, std::span<uint8_t> bytes);

// The first position that is NaN or Inf, or -1.
int64_t first_not_finite(std::span<const float> values);

}  // namespace gantry
