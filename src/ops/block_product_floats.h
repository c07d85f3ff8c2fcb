// Products with float weights, and with blocks decoded to floats beside exact rows. Included in the
// middle of block_product_kernels.h.
#pragma once

namespace gantry::GANTRY_ISA {
namespace {

#if defined(__AVX2__) && !defined(__AVX512BF16__)
GANTRY_INLINE VF load_half(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
#elif defined(__AVX512BF16__)
GANTRY_INLINE VF load_half(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
#else
GANTRY_INLINE VF load_half(const uint16_t* p) {
  float t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = half_to_float(reinterpret_cast<const uint8_t*>(p + i));
  return load(t);
}
#endif

template <BlockType kType>
struct FloatElement;
template <>
struct FloatElement<BlockType::f32> {
  using Type = float;
  static GANTRY_INLINE VF at(const float* p) { return load(p); }
};
template <>
struct FloatElement<BlockType::bf16> {
  using Type = bf16;
  static GANTRY_INLINE VF at(const bf16* p) { return load(p); }
};
template <>
struct FloatElement<BlockType::f16> {
  using Type = uint16_t;
  static GANTRY_INLINE VF at(const uint16_t* p) { return load_half(p); }
};

constexpr int kParts = 16 / kLanes;  // vectors of the 16 partial sums

GANTRY_INLINE float add_parts(const VF (&part)[kParts]) {
  float sums[16];
  for (int p = 0; p < kParts; ++p) store(sums + p * kLanes, part[p]);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

template <BlockType kType, int kRows, int kCols>
GANTRY_INLINE void float_tile(const ProductRowsView& x, int64_t row,
                              const typename FloatElement<kType>::Type* const* w, float* out) {
  using Element = FloatElement<kType>;
  VF sum[kRows][kCols][kParts];
  for (auto& of_row : sum) {
    for (auto& of_column : of_row) {
      for (VF& part : of_column) part = zero();
    }
  }
  const int64_t k = x.x.cols, whole = k / 16 * 16;
  for (int64_t i = 0; i < whole; i += 16) {
    for (int p = 0; p < kParts; ++p) {
      VF weight[kCols];
      for (int c = 0; c < kCols; ++c) weight[c] = Element::at(w[c] + i + p * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const VF v = load(x.x.row(row + r) + i + p * kLanes);
        for (int c = 0; c < kCols; ++c) sum[r][c][p] = fma(v, weight[c], sum[r][c][p]);
      }
    }
  }
  if (whole < k) {  // the last places beside zeros
    typename Element::Type tail[kCols][16];
    std::memset(static_cast<void*>(tail), 0, sizeof tail);
    float x_tail[kRows][16] = {};
    const auto left = static_cast<size_t>(k - whole);
    for (int c = 0; c < kCols; ++c) {
      std::memcpy(static_cast<void*>(tail[c]), w[c] + whole, left * sizeof tail[0][0]);
    }
    for (int r = 0; r < kRows; ++r) {
      std::memcpy(x_tail[r], x.x.row(row + r) + whole, left * sizeof(float));
    }
    for (int p = 0; p < kParts; ++p) {
      for (int c = 0; c < kCols; ++c) {
        const VF weight = Element::at(tail[c] + p * kLanes);
        for (int r = 0; r < kRows; ++r) {
          sum[r][c][p] = fma(load(x_tail[r] + p * kLanes), weight, sum[r][c][p]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kCols; ++c) out[r * kCols + c] = add_parts(sum[r][c]);
  }
}

GANTRY_INLINE void put(const ProductOutput& output, int64_t row, int64_t column, float value) {
  float* y = output.y.row(row) + column;
  *y = output.add ? *y + value : value;
}

template <BlockType kType, int kRows, int kCols>
GANTRY_INLINE void put_float_tile(const ProductRowsView& x, const ProductOutput& output,
                                  int64_t row, int64_t column, int64_t live,
                                  const typename FloatElement<kType>::Type* const* w) {
  float values[kRows * kCols];
  float_tile<kType, kRows, kCols>(x, row, w, values);
  for (int r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < live; ++c) put(output, row + r, column + c, values[r * kCols + c]);
  }
}

#if defined(__AVX512BF16__)
constexpr int kFloatRows = 8, kFloatColumns = 3;
#else
constexpr int kFloatRows = 4, kFloatColumns = 2;
#endif

// Columns in steps of kFloatColumns; `w` gives the rows of W.
template <BlockType kType, typename RowAt>
void float_columns(const ProductRowsView& x, const ProductOutput& output, int64_t begin,
                   int64_t end, const RowAt& row_at) {
  using Type = typename FloatElement<kType>::Type;
  const int64_t rows = x.x.rows;
  if (rows == 1) {
    constexpr int kCols = 4;
    for (int64_t c = begin; c < end; c += kCols) {
      const Type* w[kCols];
      for (int i = 0; i < kCols; ++i) w[i] = row_at(std::min(c + i, end - 1));
      put_float_tile<kType, 1, kCols>(x, output, 0, c, std::min<int64_t>(kCols, end - c), w);
    }
    return;
  }
  for (int64_t c = begin; c < end; c += kFloatColumns) {
    const Type* w[kFloatColumns];
    for (int i = 0; i < kFloatColumns; ++i) w[i] = row_at(std::min(c + i, end - 1));
    const int64_t live = std::min<int64_t>(kFloatColumns, end - c);
    int64_t r = 0;
    for (; r + kFloatRows <= rows; r += kFloatRows) {
      put_float_tile<kType, kFloatRows, kFloatColumns>(x, output, r, c, live, w);
    }
    for (; r + 2 <= rows; r += 2) {
      put_float_tile<kType, 2, kFloatColumns>(x, output, r, c, live, w);
    }
    if (r < rows) put_float_tile<kType, 1, kFloatColumns>(x, output, r, c, live, w);
  }
}

template <BlockType kType>
void floats_of(const ProductRowsView& x, const ProductOutput& output, int64_t begin, int64_t end) {
  using Type = typename FloatElement<kType>::Type;
  float_columns<kType>(x, output, begin, end, [&](int64_t column) {
    return reinterpret_cast<const Type*>(output.weight->row(column));
  });
}

// Block types with exact rows: 16 rows of W decoded at a time.
void decoded_floats(const ProductRowsView& x, const ProductOutput& output, int64_t begin,
                    int64_t end) {
  const BlockMatrix& w = *output.weight;
  float* decoded = scratch<float>(Slot::kPanel, kColumns * w.in);
  for (int64_t c = begin; c < end; c += kColumns) {
    const int64_t last = std::min<int64_t>(end, c + kColumns);
    for (int64_t i = c; i < last; ++i) {
      blocks_to_float(w.type, {w.row(i), static_cast<size_t>(w.row_bytes)},
                      {decoded + (i - c) * w.in, static_cast<size_t>(w.in)});
    }
    float_columns<BlockType::f32>(x, output, c, last,
                                  [&](int64_t column) { return decoded + (column - c) * w.in; });
  }
}

void product_floats(const ProductRowsView& x, const ProductOutput& output, int64_t begin,
                    int64_t end) {
  switch (output.weight->type) {
    case BlockType::f32:
      return floats_of<BlockType::f32>(x, output, begin, end);
    case BlockType::f16:
      return floats_of<BlockType::f16>(x, output, begin, end);
    case BlockType::bf16:
      return floats_of<BlockType::bf16>(x, output, begin, end);
    default:
      return decoded_floats(x, output, begin, end);
  }
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
