#include "ops/linear_int8.h"

#include <cstdlib>

#include "ops/dispatch.h"
#include "ops/grid.h"
#include "ops/linear_int8_kernels.h"

namespace gantry {
namespace {

template <typename T>
const LinearInt8Table<T>& table() {
  return pick(isa_portable::kLinearInt8Table<T>, linear_int8_table_avx2<T>(),
              linear_int8_table_avx512<T>());
}

}  // namespace

struct LinearInt8::Impl {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  int64_t in, out;
  std::unique_ptr<void, Free> memory;
  int64_t bytes = 0;
  Int8Weight weight;
  Isa packed_for = Isa::kPortable;
};

LinearInt8::LinearInt8(int64_t in, int64_t out) : impl_(new Impl{.in = in, .out = out}) {
  GANTRY_CHECK(in > 0 && out > 0);
}
LinearInt8::~LinearInt8() = default;
LinearInt8::LinearInt8(LinearInt8&&) noexcept = default;
LinearInt8& LinearInt8::operator=(LinearInt8&&) noexcept = default;

int64_t LinearInt8::bytes() const { return impl_->bytes; }

void LinearInt8::pack(const float* weight) {
  const auto& kernels = table<float>();
  const int64_t panels = ceil_div(impl_->out, kernels.panel_columns);
  const int64_t words = panels * kernels.panel_words(impl_->in);
  const int64_t columns = panels * kernels.panel_columns;
  impl_->bytes = ceil_div(4 * (words + 2 * columns), 64) * 64;
  impl_->memory.reset(std::aligned_alloc(64, static_cast<size_t>(impl_->bytes)));
  GANTRY_CHECK(impl_->memory != nullptr);
  int32_t* memory = static_cast<int32_t*>(impl_->memory.get());
  float* scales = reinterpret_cast<float*>(memory + words);
  impl_->weight = {memory, scales, scales + columns};
  impl_->packed_for = instruction_set();
  kernels.pack(weight, impl_->in, impl_->out, impl_->weight);
}

template <typename T>
void LinearInt8::forward(In<T> x, const LinearForward<T>& how, Matrix<T> y) const {
  GANTRY_CHECK(x.cols == impl_->in && y.cols == impl_->out && x.rows == y.rows);
  GANTRY_CHECK(how.pre_activation.empty() ||
               (how.pre_activation.rows == y.rows && how.pre_activation.cols == y.cols));
  GANTRY_CHECK(how.residual.empty() ||
               (how.residual.rows == y.rows && how.residual.cols == y.cols));
  GANTRY_CHECK_MSG(impl_->memory && impl_->packed_for == instruction_set(),
                   "packed for another instruction set, or not at all");
  const auto& kernels = table<T>();
  const LinearInt8Call<T> call{x,
                               impl_->weight,
                               impl_->out,
                               {.bias = how.bias,
                                .activation = how.activation,
                                .pre = how.pre_activation,
                                .add = how.residual,
                                .y = y}};
  const int64_t blocks = ceil_div(x.rows, kernels.block_rows);
  const int64_t panels = ceil_div(impl_->out, kernels.panel_columns);
  // A second column of parts quantises the same rows again: about a panel's worth of work in 4.
  const Grid grid = split_grid(blocks, panels, 1.0 / 4, 0);
  for_grid(grid, blocks, panels, [&](int64_t r0, int64_t r1, int64_t p0, int64_t p1) {
    kernels.rows(call, r0 * kernels.block_rows, std::min(x.rows, r1 * kernels.block_rows), p0, p1);
  });
}

template void LinearInt8::forward<float>(In<float>, const LinearForward<float>&,
                                         Matrix<float>) const;
template void LinearInt8::forward<bf16>(In<bf16>, const LinearForward<bf16>&, Matrix<bf16>) const;

}  // namespace gantry
