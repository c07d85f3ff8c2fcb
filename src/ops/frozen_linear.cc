#include "ops/frozen_linear.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/frozen_linear_kernels.h"
#include "ops/grid.h"

namespace gantry {
namespace {

template <typename X, typename Y>
const FrozenTable<X, Y>& table() {
  return pick(isa_portable::kFrozenTable<X, Y>, frozen_table_avx2<X, Y>(),
              frozen_table_avx512<X, Y>());
}

template <typename X, typename Y>
void multiply(const FrozenCall<X, Y>& call) {
  const auto& kernels = table<X, Y>();
  const int64_t tiles = ceil_div(call.x.rows, kernels.block_rows);
  const int64_t panels = ceil_div(call.y.cols, kernels.panel_columns);
  // Packing a tile's rows costs a seventh of its product with a panel; unpacking a panel nearly
  // half, for each block of rows.
  const double unpacked = 0.4 * std::ceil(static_cast<double>(call.x.rows) / 200);
  const Grid grid = split_grid(tiles, panels, 0.15, unpacked);
  for_grid(grid, tiles, panels, [&](int64_t r0, int64_t r1, int64_t p0, int64_t p1) {
    kernels.rows(call, r0 * kernels.block_rows, std::min(call.x.rows, r1 * kernels.block_rows), p0,
                 p1);
  });
}

template <typename X>
void check_terms(std::span<const LowRankTerm<X>> terms, int64_t rows, int64_t columns) {
  for (const LowRankTerm<X>& t : terms) {
    GANTRY_CHECK(t.x.rows == rows && t.w && t.x.cols > 0);
    GANTRY_CHECK(t.first >= 0 && t.columns > 0 && t.first + t.columns <= columns);
  }
}

// ---- packing ----

constexpr int64_t kRows = FrozenStore::kRows;

void pack_int8(const FrozenStore& w, const float* weights, int64_t live, uint8_t* panel) {
  auto* values = reinterpret_cast<int8_t*>(panel);
  auto* scales = reinterpret_cast<float*>(panel + w.value_bytes());
  for (int64_t r = 0; r < live; ++r) {
    const float* row = weights + r * w.in;
    float top = 0;
    for (int64_t k = 0; k < w.in; ++k) top = std::max(top, std::abs(row[k]));
    scales[r] = top / 127;
    const float inverse = top > 0 ? 127 / top : 0;
    for (int64_t k = 0; k < w.in; ++k) {
      values[k * kRows + r] = static_cast<int8_t>(std::lrint(row[k] * inverse));
    }
  }
}

// Scales of a group's blocks as bytes between the smallest and the largest that is not 0 (a block
// of zeros is all of level 0, whatever its scale).
void pack_nf4_group(const float* tops, int64_t first, int64_t last, uint8_t* codes, float* group) {
  float low = INFINITY, high = 0;
  for (int64_t i = first * kRows; i < last * kRows; ++i) {
    if (tops[i] > 0) low = std::min(low, tops[i]);
    high = std::max(high, tops[i]);
  }
  if (high == 0) low = 0;
  group[0] = low;
  group[1] = (high - low) / 255;
  for (int64_t i = first * kRows; i < last * kRows; ++i) {
    const float code = group[1] > 0 ? (tops[i] - low) / group[1] : 0;
    codes[i] = static_cast<uint8_t>(std::clamp(std::lrint(code), 0l, 255l));
  }
}

void pack_nf4(const FrozenStore& w, const float* weights, int64_t live, uint8_t* panel) {
  const int64_t blocks = w.blocks();
  std::vector<float> tops(static_cast<size_t>(blocks * kRows), 0.0f);
  for (int64_t r = 0; r < live; ++r) {
    for (int64_t k = 0; k < w.in; ++k) {
      float& top = tops[static_cast<size_t>(k / kNf4Block * kRows + r)];
      top = std::max(top, std::abs(weights[r * w.in + k]));
    }
  }
  uint8_t* codes = panel + w.value_bytes();
  auto* groups = reinterpret_cast<float*>(codes + blocks * kRows);
  for (int64_t g = 0; g < w.groups(); ++g) {
    const int64_t first = g * FrozenStore::kBlocksAGroup;
    pack_nf4_group(tops.data(), first, std::min(blocks, first + FrozenStore::kBlocksAGroup), codes,
                   groups + 2 * g);
  }
  std::memset(panel, kNf4Zero | kNf4Zero << 4, static_cast<size_t>(w.value_bytes()));
  for (int64_t r = 0; r < live; ++r) {
    const int shift = r < 16 ? 0 : 4;
    for (int64_t k = 0; k < w.in; ++k) {
      const int64_t block = k / kNf4Block;
      const float* group = groups + 2 * (block / FrozenStore::kBlocksAGroup);
      const float scale = group[0] + static_cast<float>(codes[block * kRows + r]) * group[1];
      const int code = scale > 0 ? nf4_code(weights[r * w.in + k] / scale) : kNf4Zero;
      uint8_t& byte = panel[k * 16 + r % 16];
      byte = static_cast<uint8_t>((byte & ~(15 << shift)) | code << shift);
    }
  }
}

template <typename T>
void pack_plain(const FrozenStore& w, const float* weights, int64_t live, uint8_t* panel) {
  T* values = reinterpret_cast<T*>(panel);
  for (int64_t r = 0; r < live; ++r) {
    for (int64_t k = 0; k < w.in; ++k) {
      values[k * kRows + r] = from_float<T>(weights[r * w.in + k]);
    }
  }
}

void pack_panel_of(const FrozenStore& w, const float* weights, int64_t live, uint8_t* panel) {
  std::memset(panel, 0, static_cast<size_t>(w.panel_bytes()));
  switch (w.type) {
    case FrozenType::f32:
      return pack_plain<float>(w, weights, live, panel);
    case FrozenType::bf16:
      return pack_plain<bf16>(w, weights, live, panel);
    case FrozenType::int8:
      return pack_int8(w, weights, live, panel);
    case FrozenType::nf4:
      return pack_nf4(w, weights, live, panel);
  }
}

}  // namespace

const char* name_of(FrozenType type) {
  switch (type) {
    case FrozenType::f32:
      return "fp32";
    case FrozenType::bf16:
      return "bf16";
    case FrozenType::int8:
      return "int8";
    default:
      return "nf4";
  }
}

bool frozen_type_of(const std::string& name, FrozenType& type) {
  for (FrozenType t : {FrozenType::f32, FrozenType::bf16, FrozenType::int8, FrozenType::nf4}) {
    if (name != name_of(t)) continue;
    type = t;
    return true;
  }
  return false;
}

// Blocks of at most 1,024, all about as long, so that a panel of a block is 128 KB of floats.
int64_t frozen_depth_block(int64_t k) {
  constexpr int64_t kLongest = 1024, kStep = 64;
  const int64_t blocks = ceil_div(k, kLongest);
  return ceil_div(ceil_div(k, blocks), kStep) * kStep;
}

FrozenLinear::FrozenLinear(int64_t in, int64_t out, FrozenType type, void* storage)
    : in_(in), out_(out), type_(type), storage_(static_cast<uint8_t*>(storage)) {
  GANTRY_CHECK(in > 0 && out > 0 && storage);
}

int64_t FrozenLinear::storage_bytes(int64_t in, int64_t out, FrozenType type) {
  const FrozenStore w{nullptr, type, in, out};
  return w.panels() * w.panel_bytes();
}

void FrozenLinear::pack(int64_t begin, int64_t rows, const float* weights) {
  const FrozenStore w{storage_, type_, in_, out_};
  GANTRY_CHECK(begin >= 0 && begin % kRows == 0 && begin + rows <= out_);
  GANTRY_CHECK(rows % kRows == 0 || begin + rows == out_);
  parallel_for(ceil_div(rows, kRows), 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      pack_panel_of(w, weights + p * kRows * in_, std::min(kRows, rows - p * kRows),
                    storage_ + (begin / kRows + p) * w.panel_bytes());
    }
  });
}

void FrozenLinear::unpack_row(int64_t r, std::span<float> out) const {
  const FrozenStore w{storage_, type_, in_, out_};
  GANTRY_CHECK(r >= 0 && r < out_ && static_cast<int64_t>(out.size()) == in_);
  const int64_t p = r / kRows, row = r % kRows;
  const uint8_t* panel = w.panel(p);
  for (int64_t k = 0; k < in_; ++k) {
    float& to = out[static_cast<size_t>(k)];
    const int64_t at = k * kRows + row;
    switch (type_) {
      case FrozenType::f32:
        to = reinterpret_cast<const float*>(panel)[at];
        break;
      case FrozenType::bf16:
        to = to_float(reinterpret_cast<const bf16*>(panel)[at]);
        break;
      case FrozenType::int8:
        to = static_cast<float>(reinterpret_cast<const int8_t*>(panel)[at]) * w.int8_scales(p)[row];
        break;
      case FrozenType::nf4: {
        const int64_t block = k / kNf4Block;
        const float* group = w.nf4_groups(p) + 2 * (block / FrozenStore::kBlocksAGroup);
        const auto code = static_cast<float>(w.nf4_codes(p)[block * kRows + row]);
        const int level = panel[k * 16 + row % 16] >> (row < 16 ? 0 : 4) & 15;
        to = kNf4Levels[level] * std::fma(code, group[1], group[0]);
        break;
      }
    }
  }
}

template <typename X, typename Y>
void FrozenLinear::forward(Matrix<const X> x, std::span<const LowRankTerm<X>> terms, In<Y> add,
                           Matrix<Y> y) const {
  GANTRY_CHECK(x.cols == in_ && y.cols == out_ && x.rows == y.rows);
  GANTRY_CHECK(add.empty() || (add.rows == y.rows && add.cols == y.cols));
  check_terms(terms, x.rows, out_);
  multiply<X, Y>({{storage_, type_, in_, out_}, false, x, terms, {}, add, y});
}

template <typename X, typename Y>
void FrozenLinear::backward_data(Matrix<const X> dy, std::span<const LowRankTerm<X>> terms,
                                 const Dropout& mask, In<Y> add, Matrix<Y> dx) const {
  GANTRY_CHECK(dy.cols == out_ && dx.cols == in_ && dy.rows == dx.rows);
  GANTRY_CHECK(add.empty() || (add.rows == dx.rows && add.cols == dx.cols));
  check_terms(terms, dy.rows, in_);
  multiply<X, Y>({{storage_, type_, in_, out_}, true, dy, terms, mask, add, dx});
}

#define GANTRY_INSTANTIATE(X, Y)                                                              \
  template void FrozenLinear::forward<X, Y>(Matrix<const X>, std::span<const LowRankTerm<X>>, \
                                            In<Y>, Matrix<Y>) const;                          \
  template void FrozenLinear::backward_data<X, Y>(                                            \
      Matrix<const X>, std::span<const LowRankTerm<X>>, const Dropout&, In<Y>, Matrix<Y>) const;
GANTRY_INSTANTIATE(float, float)
GANTRY_INSTANTIATE(bf16, bf16)
GANTRY_INSTANTIATE(bf16, float)
GANTRY_INSTANTIATE(float, bf16)
#undef GANTRY_INSTANTIATE

}  // namespace gantry
