#include "models/lora.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/threads.h"

namespace gantry {

namespace {

template <typename T>
void add_in_place(In<T> x, Matrix<T> y) {
  parallel_for(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t c = 0; c < x.cols; ++c)
        y.row(r)[c] = from_float<T>(to_float(y.row(r)[c]) + to_float(x.row(r)[c]));
  });
}

}  // namespace

template <typename T>
AdaptedLinear<T>::AdaptedLinear(std::string name, int64_t in, int64_t out, int64_t weight,
                                int64_t bias, std::span<const LoraOffsets> adapters,
                                const LoraShape& lora, int64_t rows, bool training, bool int8,
                                TensorSpecs& specs)
    : in_(in),
      out_(out),
      weight_(weight),
      bias_(bias),
      rank_(lora.rank),
      training_(training),
      int8_(int8) {
  GANTRY_CHECK(!int8 || (!training && lora.rank == 0));
  if (int8) return;
  const auto use = training ? Linear<T>::kTrain : Linear<T>::kInfer;
  storage_tensor_ = specs.add(name + " packed", {Linear<T>::storage_bytes(in, out, use)},
                              DType::kU8, "weights, packed");
  const int64_t columns = out / static_cast<int64_t>(adapters.size());
  for (size_t i = 0; i < adapters.size(); ++i) {
    if (adapters[i].a < 0) continue;
    scale_ = lora.alpha / static_cast<float>(lora.rank);
    Adapter adapter{.first_column = static_cast<int64_t>(i) * columns,
                    .columns = columns,
                    .offsets = adapters[i],
                    .a = Linear<T>(in, rank_, use),
                    .b = Linear<T>(rank_, columns, use)};
    adapter.low_tensor = specs.add(name + " low", {rows, rank_}, DTypeOf<T>::value, "activations");
    adapter.low_gradient_tensor =
        specs.add(name + " low gradient", {rows, rank_}, DTypeOf<T>::value, "activations");
    adapter.scaled_b.resize(static_cast<size_t>(columns * rank_));
    adapter.b_gradient.resize(adapter.scaled_b.size());
    adapters_.push_back(std::move(adapter));
  }
  if (!adapters_.empty() && training)
    dropped_tensor_ = specs.add(name + " dropped", {rows, in}, DTypeOf<T>::value, "activations");
}

template <typename T>
void AdaptedLinear<T>::bind(const Arena& arena, const float* weights) {
  weights_ = weights;
  if (int8_) {
    int8_layer_.emplace_back(in_, out_);
    return;
  }
  layer_.emplace_back(in_, out_, training_ ? Linear<T>::kTrain : Linear<T>::kInfer,
                      arena.data<uint8_t>(storage_tensor_));
  if (dropped_tensor_ >= 0) dropped_ = arena.matrix<T>(dropped_tensor_);
  for (Adapter& a : adapters_) {
    a.low = arena.matrix<T>(a.low_tensor);
    a.low_gradient = arena.matrix<T>(a.low_gradient_tensor);
  }
}

template <typename T>
void AdaptedLinear<T>::pack(bool frozen_too) {
  if (int8_) {
    int8_layer_[0].pack(weights_ + weight_);
    return;
  }
  if (frozen_too || adapters_.empty()) layer_[0].pack(weights_ + weight_);
  for (Adapter& adapter : adapters_) {
    adapter.a.pack(weights_ + adapter.offsets.a);
    const float* b = weights_ + adapter.offsets.b;
    for (size_t i = 0; i < adapter.scaled_b.size(); ++i) adapter.scaled_b[i] = scale_ * b[i];
    adapter.b.pack(adapter.scaled_b.data());
  }
}

template <typename T>
Matrix<const T> AdaptedLinear<T>::dropped(In<T> x, const Dropout& drop) {
  if (!drop.active()) return x;
  Matrix<T> y = dropped_.row_range(0, x.rows);
  parallel_for(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) std::copy(x.row(r), x.row(r) + x.cols, y.row(r));
  });
  dropout(drop, y);
  return y;
}

template <typename T>
void AdaptedLinear<T>::forward(In<T> x, const Dropout& drop, const LinearForward<T>& how,
                               Matrix<T> y) {
  if (int8_) {
    int8_layer_[0].forward<T>(x, how, y);
    return;
  }
  if (adapters_.empty()) {
    layer_[0].forward(x, how, y);
    return;
  }
  const bool activated = how.activation != Activation::kNone;
  const Matrix<T> v = activated && !how.pre_activation.empty() ? how.pre_activation : y;
  layer_[0].forward(x, {.bias = how.bias, .residual = how.residual}, v);
  const Matrix<const T> input = dropped(x, drop);
  for (Adapter& adapter : adapters_) {
    const Matrix<T> low = adapter.low.row_range(0, x.rows);
    adapter.a.forward(input, {}, low);
    const Matrix<T> columns = v.col_range(adapter.first_column, adapter.columns);
    adapter.b.forward(low, {.residual = columns}, columns);
  }
  if (activated) activation_forward<T>(how.activation, v, nullptr, y);
}

template <typename T>
void AdaptedLinear<T>::backward_weight(In<T> dy, In<T> x, const Dropout& drop,
                                       const Gradients& gradients, bool bias_too) {
  if (adapters_.empty()) {
    if (float* dw = gradients.at(weight_))
      linear_backward_weight<T>(dy, x, dw, bias_too ? gradients.at(bias_) : nullptr,
                                gradients.accumulate);
    return;
  }
  const Matrix<const T> input = dropped(x, drop);
  for (Adapter& adapter : adapters_) {
    const Matrix<T> low = adapter.low.row_range(0, x.rows);
    const Matrix<T> dlow = adapter.low_gradient.row_range(0, x.rows);
    const Matrix<const T> dcolumns = dy.col_range(adapter.first_column, adapter.columns);
    adapter.b.backward_data(dcolumns, {}, dlow);
    if (!gradients.at(adapter.offsets.a)) continue;
    linear_backward_weight<T>(dlow, input, gradients.at(adapter.offsets.a), nullptr,
                              gradients.accumulate);
    // y uses (alpha / r) B, so dB is that times the product.
    linear_backward_weight<T>(dcolumns, low, adapter.b_gradient.data(), nullptr, false);
    float* db = gradients.at(adapter.offsets.b);
    for (size_t i = 0; i < adapter.b_gradient.size(); ++i)
      db[i] = (gradients.accumulate ? db[i] : 0.0f) + scale_ * adapter.b_gradient[i];
  }
}

template <typename T>
void AdaptedLinear<T>::backward_data(In<T> dy, const Dropout& drop,
                                     const LinearBackwardData<T>& how, Matrix<T> dx) {
  if (adapters_.empty()) {
    layer_[0].backward_data(dy, how, dx);
    return;
  }
  layer_[0].backward_data(dy, {}, dx);
  for (Adapter& adapter : adapters_) {
    const Matrix<T> dlow = adapter.low_gradient.row_range(0, dy.rows);
    if (!drop.active()) {
      adapter.a.backward_data(dlow, {.add = dx}, dx);
      continue;
    }
    const Matrix<T> part = dropped_.row_range(0, dy.rows);
    adapter.a.backward_data(dlow, {}, part);
    dropout(drop, part);
    add_in_place<T>(part, dx);
  }
  if (how.activation != Activation::kNone)
    activation_backward<T>(how.activation, how.pre_activation, nullptr, dx, dx);
  if (!how.add.empty()) add_in_place<T>(how.add, dx);
}

template class AdaptedLinear<float>;
template class AdaptedLinear<bf16>;

}  // namespace gantry
