#include "ops/block_product.h"

#include <cstdlib>

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

// The widest code of any form and instruction set: a test may change the latter under one object.
constexpr int64_t kWidestCode = 2;

struct Layout {
  int64_t codes, scales, sums, total;
};
Layout layout_of(int64_t rows, int64_t in, ProductRows::Form form) {
  if (form == ProductRows::kExact) return {0, 0, 0, 64};
  const auto rounded = [](int64_t bytes) { return ceil_div(bytes, 64) * 64; };
  const int64_t blocks = ceil_div(in, 32);
  const int64_t codes = rounded(rows * blocks * 32 * kWidestCode),
                scales = rounded(rows * blocks * 4);
  return {0, codes, codes + scales, codes + scales + rounded(rows * blocks * 8)};
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
  const Layout at = layout_of(x.rows, x.cols, kInt8);
  uint8_t* codes = impl_->memory.get();
  auto* scales = reinterpret_cast<float*>(codes + at.scales);
  auto* sums = reinterpret_cast<int32_t*>(codes + at.sums);
  const bool wide = impl_->form == kInt16;
  const int64_t code_bytes = x.cols * (wide ? 2 : kernels.code_width);
  parallel_for(x.rows, 8, [&](int64_t begin, int64_t end) {
    kernels.quantise(x, wide, begin, end, codes, code_bytes, scales, sums);
  });
  impl_->view.codes = codes;
  impl_->view.scales = scales;
  impl_->view.sums = sums;
  impl_->view.code_bytes = code_bytes;
  impl_->view.wide = wide;
}

void block_product(const ProductRows& x, std::span<const ProductOutput> outputs) {
  const ProductRowsView& view = x.impl().view;
  if (view.x.rows == 0) return;
  int64_t groups = 0;
  for (const ProductOutput& output : outputs) {
    const BlockMatrix& w = *output.weight;
    GANTRY_CHECK(w.in == view.x.cols && output.y.cols == w.out && output.y.rows == view.x.rows);
    groups += ceil_div(w.out, 16);
  }
  const auto& kernels = table();
  parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
    int64_t first = 0;  // of this output's groups among all
    for (const ProductOutput& output : outputs) {
      const int64_t count = ceil_div(output.weight->out, 16);
      const int64_t from = std::max(begin, first) - first,
                    to = std::min(end, first + count) - first;
      if (from < to) {
        const bool codes = isa_portable::has_codes(output.weight->type) && view.codes != nullptr;
        (codes ? kernels.blocks : kernels.floats)(view, output, from, to);
      }
      first += count;
    }
  });
}

}  // namespace gantry
