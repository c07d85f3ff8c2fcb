#include "ops/linear.h"

#include <algorithm>
#include <cstdlib>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/grid.h"
#include "ops/linear_kernels.h"
#include "ops/linear_onednn.h"
#include "ops/scratch.h"

namespace gantry {
namespace {

template <typename T>
const LinearTable<T>& table() {
  if constexpr (std::is_same_v<T, bf16>) {
    if (bf16_dot()) return linear_table_avx512_pairs();
  }
  return pick(isa_portable::kLinearTable<false, T>, linear_table_avx2<T>(),
              linear_table_avx512<T>());
}

template <typename T>
void pack_weight(const LinearTable<T>& kernels, const WeightSource& w, float* panels) {
  parallel_for(ceil_div(w.n, kernels.panel_columns), 1,
               [&](int64_t begin, int64_t end) { kernels.pack(w, begin, end, panels); });
}

template <typename T>
void multiply(const LinearTable<T>& kernels, Matrix<const T> x, const float* panels, int64_t n,
              const LinearEpilogue<T>& epilogue) {
  const LinearRowsCall<T> call{x, panels, n, epilogue};
  const int64_t blocks = ceil_div(x.rows, kernels.block_rows);
  const int64_t count = ceil_div(n, kernels.panel_columns);
  // A second column of parts packs the same rows again: about a panel's worth of a product in 16.
  const Grid grid = split_grid(blocks, count, 1.0 / 16, 0);
  for_grid(grid, blocks, count, [&](int64_t r0, int64_t r1, int64_t p0, int64_t p1) {
    kernels.rows(call, r0 * kernels.block_rows, std::min(x.rows, r1 * kernels.block_rows), p0, p1);
  });
}

// ---- by oneDNN (bf16 only) ----

template <typename T>
bool by_onednn() {
  return sizeof(T) == 2 && instruction_set() == Isa::kAvx512 && use_onednn();
}

// The master copy in bf16, in the calling thread's scratch.
OneDnnWeight narrowed(const float* master, int64_t ld, int64_t in, int64_t out) {
  bf16* copy = scratch<bf16>(Slot::kPanel, in * out);
  if (ld == in) {
    convert(master, copy, in * out);
  } else {
    for (int64_t r = 0; r < out; ++r) convert(master + r * ld, copy + r * in, in);
  }
  return {copy, in, out};
}

// product(sums): sums null where the result needs nothing but rounding.
template <typename Product>
void finish_product(const LinearEpilogue<bf16>& e, bool plain, const Product& product) {
  if (plain) return product(nullptr);
  float* sums = scratch<float>(Slot::kScores, e.y.rows * e.y.cols + 64);
  product(sums);
  const auto& kernels = table<bf16>();
  parallel_for(e.y.rows, 16,
               [&](int64_t begin, int64_t end) { kernels.finish(e, sums, begin, end); });
}

}  // namespace

template <typename T>
struct Linear<T>::Impl {
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  int64_t in, out;
  Use use;
  const float* master = nullptr;  // kTrain
  int64_t ld = 0;
  std::unique_ptr<float, Free> owned;
  float* panels = nullptr;                     // kInfer
  const LinearTable<T>* packed_for = nullptr;  // kInfer: the kernels that the panels are for
  bool narrow = false;                         // kInfer: a plain bf16 copy instead, for oneDNN
};

template <typename T>
int64_t Linear<T>::storage_bytes(int64_t in, int64_t out, Use use) {
  if (use == kTrain) return 0;
  const auto& kernels = table<T>();
  return ceil_div(out, kernels.panel_columns) * kernels.panel_words(in) * 4;
}

template <typename T>
Linear<T>::Linear(int64_t in, int64_t out, Use use, void* storage)
    : impl_(new Impl{.in = in, .out = out, .use = use}) {
  GANTRY_CHECK(in > 0 && out > 0);
  if (use == kTrain) return;
  impl_->panels = static_cast<float*>(storage);
  if (!storage) {
    impl_->owned.reset(static_cast<float*>(
        std::aligned_alloc(64, static_cast<size_t>(storage_bytes(in, out, use)))));
    GANTRY_CHECK(impl_->owned != nullptr);
    impl_->panels = impl_->owned.get();
  }
}
template <typename T>
Linear<T>::~Linear() = default;
template <typename T>
Linear<T>::Linear(Linear&&) noexcept = default;
template <typename T>
Linear<T>& Linear<T>::operator=(Linear&&) noexcept = default;

template <typename T>
int64_t Linear<T>::in() const {
  return impl_->in;
}
template <typename T>
int64_t Linear<T>::out() const {
  return impl_->out;
}

template <typename T>
void Linear<T>::pack(const float* weight, int64_t ld) {
  impl_->ld = ld ? ld : impl_->in;
  if (impl_->use == kTrain) {
    impl_->master = weight;
    return;
  }
  impl_->narrow = by_onednn<T>();
  if (impl_->narrow) {
    bf16* copy = reinterpret_cast<bf16*>(impl_->panels);
    for (int64_t r = 0; r < impl_->out; ++r) {
      convert(weight + r * impl_->ld, copy + r * impl_->in, impl_->in);
    }
    return;
  }
  const auto& kernels = table<T>();
  pack_weight(kernels, {weight, impl_->ld, true, impl_->in, impl_->out}, impl_->panels);
  impl_->packed_for = &kernels;
}

template <typename T>
void Linear<T>::forward(In<T> x, const LinearForward<T>& how, Matrix<T> y) const {
  GANTRY_CHECK(x.cols == impl_->in && y.cols == impl_->out && x.rows == y.rows);
  GANTRY_CHECK(how.pre_activation.empty() ||
               (how.pre_activation.rows == y.rows && how.pre_activation.cols == y.cols));
  GANTRY_CHECK(how.residual.empty() ||
               (how.residual.rows == y.rows && how.residual.cols == y.cols));
  GANTRY_CHECK_MSG(impl_->use == kInfer || impl_->master, "pack() was not called");
  const LinearEpilogue<T> epilogue{.bias = how.bias,
                                   .activation = how.activation,
                                   .pre = how.pre_activation,
                                   .add = how.residual,
                                   .y = y};
  if constexpr (sizeof(T) == 2) {
    if (by_onednn<T>()) {
      GANTRY_CHECK_MSG(impl_->use == kTrain || impl_->narrow, "packed for other kernels");
      const OneDnnWeight w =
          impl_->use == kTrain
              ? narrowed(impl_->master, impl_->ld, impl_->in, impl_->out)
              : OneDnnWeight{reinterpret_cast<const bf16*>(impl_->panels), impl_->in, impl_->out};
      const bool plain =
          how.activation == Activation::kNone && how.pre_activation.empty() && how.residual.empty();
      return finish_product(epilogue, plain, [&](float* sums) {
        onednn_forward(x, w, sums ? nullptr : how.bias, y, sums);
      });
    }
  }
  const auto& kernels = table<T>();
  const float* panels = impl_->panels;
  if (impl_->use == kTrain) {
    float* packed = scratch<float>(
        Slot::kPanel, ceil_div(impl_->out, kernels.panel_columns) * kernels.panel_words(impl_->in));
    pack_weight(kernels, {impl_->master, impl_->ld, true, impl_->in, impl_->out}, packed);
    panels = packed;
  } else {
    GANTRY_CHECK_MSG(impl_->packed_for == &kernels, "packed for other kernels, or not at all");
  }
  multiply<T>(kernels, x, panels, impl_->out, epilogue);
}

template <typename T>
void Linear<T>::backward_data(In<T> dy, const LinearBackwardData<T>& how, Matrix<T> dx) const {
  GANTRY_CHECK(dy.cols == impl_->out && dx.cols == impl_->in && dy.rows == dx.rows);
  GANTRY_CHECK(how.activation == Activation::kNone ||
               (how.pre_activation.rows == dx.rows && how.pre_activation.cols == dx.cols));
  GANTRY_CHECK(how.add.empty() || (how.add.rows == dx.rows && how.add.cols == dx.cols));
  GANTRY_CHECK_MSG(impl_->use == kTrain && impl_->master, "needs kTrain and pack()");
  const Matrix<const T>& pre = how.pre_activation;
  const LinearEpilogue<T> epilogue{
      .activation = how.activation,
      .backward = true,
      .pre = {const_cast<T*>(pre.data), pre.rows, pre.cols, pre.ld},  // only read
      .add = how.add,
      .y = dx};
  if constexpr (sizeof(T) == 2) {
    if (by_onednn<T>()) {
      const OneDnnWeight w = narrowed(impl_->master, impl_->ld, impl_->in, impl_->out);
      const bool plain = how.activation == Activation::kNone && how.add.empty();
      return finish_product(epilogue, plain,
                            [&](float* sums) { onednn_backward_data(dy, w, dx, sums); });
    }
  }
  const auto& kernels = table<T>();
  float* packed = scratch<float>(
      Slot::kPanel, ceil_div(impl_->in, kernels.panel_columns) * kernels.panel_words(impl_->out));
  pack_weight(kernels, {impl_->master, impl_->ld, false, impl_->out, impl_->in}, packed);
  multiply<T>(kernels, dy, packed, impl_->in, epilogue);
}

template <typename T>
void linear_backward_weight(In<T> dy, Matrix<const T> x, float* dw, float* db, bool accumulate) {
  GANTRY_CHECK(dy.rows == x.rows && dw != nullptr);
  const auto& kernels = table<T>();
  if constexpr (sizeof(T) == 2) {
    if (by_onednn<T>()) {
      onednn_backward_weight(dy, x, dw, accumulate);
      if (db) {
        parallel_for(ceil_div(dy.cols, 64), 1, [&](int64_t begin, int64_t end) {
          kernels.column_sums(dy, begin * 64, std::min(dy.cols, end * 64), accumulate, db);
        });
      }
      return;
    }
  }
  const LinearWeightCall<T> call{dy, x, dw, db, accumulate};
  const int64_t blocks = ceil_div(dy.cols, kernels.block_rows);
  const int64_t count = ceil_div(x.cols, kernels.panel_columns);
  const Grid grid = split_grid(blocks, count, 1.0 / 4, 1.0 / 2);
  for_grid(grid, blocks, count, [&](int64_t r0, int64_t r1, int64_t p0, int64_t p1) {
    kernels.weight(call, r0 * kernels.block_rows, std::min(dy.cols, r1 * kernels.block_rows), p0,
                   p1);
  });
}

template class Linear<float>;
template class Linear<bf16>;
template void linear_backward_weight<float>(In<float>, Matrix<const float>, float*, float*, bool);
template void linear_backward_weight<bf16>(In<bf16>, Matrix<const bf16>, float*, float*, bool);

}  // namespace gantry
