#include "ops/block_product.h"

#include <cstdlib>
#include <cstring>

#include "base/threads.h"
#include "ops/block_product_kernels.h"
#include "ops/dispatch.h"
#include "ops/grid.h"

namespace gantry {
namespace {

const BlockProductTable& table() {
  return pick(isa_portable::kBlockProductTable, block_product_table_avx2(),
              block_product_table_avx512());
}

// Room for codes of any form and instruction set: a test may change the latter under one object.
struct Layout {
  int64_t scales = 0, sums = 0, scaled_sums = 0, half_sums = 0;  // codes come first
  int64_t total = 64;
};
Layout layout_of(int64_t rows, int64_t in, ProductRows::Form form) {
  Layout at;
  if (form == ProductRows::kExact) return at;
  const auto rounded = [](int64_t bytes) { return ceil_div(bytes, 64) * 64; };
  const int64_t blocks = ceil_div(in, 32) * (rows + kMostTileRows);
  at.scales = rounded(blocks * 32 * 2);
  at.sums = at.scales + rounded(blocks * 4);
  at.scaled_sums = at.sums + rounded(blocks * 4);
  at.half_sums = at.scaled_sums + rounded(blocks * 4);
  at.total = at.half_sums + rounded(blocks * 8);
  return at;
}

}  // namespace

struct ProductRows::Impl {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  int64_t max_rows, max_in;
  Form form;
  std::unique_ptr<uint8_t, Free> memory;
  ProductRowsView view;
};

ProductRows::ProductRows(int64_t max_rows, int64_t max_in, Form form)
    : impl_(new Impl{max_rows, max_in, form, nullptr, {}}) {
  impl_->memory.reset(static_cast<uint8_t*>(
      std::aligned_alloc(64, static_cast<size_t>(bytes(max_rows, max_in, form)))));
  GANTRY_CHECK(impl_->memory != nullptr);
  // A tile that is not full is computed with what lies in its place.
  std::memset(impl_->memory.get(), 0, static_cast<size_t>(bytes(max_rows, max_in, form)));
}
ProductRows::~ProductRows() = default;
ProductRows::ProductRows(ProductRows&&) noexcept = default;

int64_t ProductRows::bytes(int64_t max_rows, int64_t max_in, Form form) {
  return layout_of(max_rows, max_in, form).total;
}

int64_t ProductRows::rows() const { return impl_->view.x.rows; }

void ProductRows::set(In<float> x) {
  GANTRY_CHECK(x.rows <= impl_->max_rows && x.cols <= impl_->max_in);
  impl_->view = {};
  impl_->view.x = x;
  if (impl_->form == kExact || x.cols % 32 != 0) return;
  const auto& kernels = table();
  const Layout at = layout_of(x.rows, x.cols, impl_->form);
  uint8_t* memory = impl_->memory.get();
  ProductRowsView& view = impl_->view;
  view.wide = impl_->form == kInt16;
  view.codes = reinterpret_cast<uint32_t*>(memory);
  view.tile_words = kernels.tile_rows * x.cols / (view.wide ? 2 : kernels.word_codes);
  view.scales = reinterpret_cast<float*>(memory + at.scales);
  view.sums = reinterpret_cast<int32_t*>(memory + at.sums);
  view.scaled_sums = reinterpret_cast<float*>(memory + at.scaled_sums);
  view.half_sums = reinterpret_cast<int32_t*>(memory + at.half_sums);
  parallel_for(ceil_div(x.rows, kernels.tile_rows), 1,
               [&](int64_t begin, int64_t end) { kernels.quantise(view, begin, end); });
}

void block_product(const ProductRows& x, std::span<const ProductOutput> outputs) {
  const ProductRowsView& view = x.impl().view;
  if (view.x.rows == 0) return;
  int64_t groups = 0;
  for (const ProductOutput& output : outputs) {
    const BlockMatrix& w = *output.weight;
    GANTRY_CHECK(w.in == view.x.cols && output.y.cols == w.out && output.y.rows == view.x.rows);
    groups += ceil_div(w.out, kProductColumns);
  }
  const auto& kernels = table();
  parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
    int64_t first = 0;  // of this output's groups among all
    for (const ProductOutput& output : outputs) {
      const int64_t out = output.weight->out, count = ceil_div(out, kProductColumns);
      const int64_t from = (std::max(begin, first) - first) * kProductColumns,
                    to = std::min(out, (std::min(end, first + count) - first) * kProductColumns);
      if (from < to) {
        const bool codes = isa_portable::has_codes(output.weight->type) && view.codes != nullptr;
        (codes ? kernels.blocks : kernels.floats)(view, output, from, to);
      }
      first += count;
    }
  });
}

}  // namespace gantry
