#include "models/frozen_lora.h"

#include <algorithm>

#include "base/error.h"

namespace gantry {
namespace {

template <typename T>
void scale_rows(Matrix<T> x, float factor) {
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) {
      x.row(r)[c] = from_float<T>(to_float(x.row(r)[c]) * factor);
    }
  }
}

}  // namespace

template <typename T>
FrozenLora<T>::FrozenLora(const std::string& name, int64_t in, std::vector<FrozenPiece> pieces,
                          FrozenType type, float scale, int64_t kept_rows, const std::string& group,
                          TensorSpecs& specs)
    : in_(in), pieces_(std::move(pieces)), type_(type), scale_(scale) {
  for (const FrozenPiece& p : pieces_) {
    if (p.adapter) {
      GANTRY_CHECK(p.adapter->in == in_ && p.adapter->out == p.out);
      const int b_t = specs.add(name + " B", {p.adapter->rank, p.out}, DType::kF32, "adapter");
      adapted_.push_back(
          {p.adapter, out_, b_t, nullptr, Linear<T>(p.out, p.adapter->rank, Linear<T>::kTrain)});
      ranks_ += p.adapter->rank;
    }
    out_ += p.out;
  }
  storage_tensor_ = specs.add(name, {FrozenLinear::storage_bytes(in_, out_, type_)}, DType::kU8,
                              "frozen weights");
  if (!adapted_.empty()) {
    a_.emplace_back(in_, ranks_, Linear<T>::kTrain);
    low_tensor_ = specs.add(name + " low", {kept_rows, ranks_}, DTypeOf<T>::value, group);
    terms_.resize(adapted_.size());
  }
}

template <typename T>
void FrozenLora<T>::bind(const Arena& arena, const LoraWorkspace& workspace) {
  linear_ = FrozenLinear(in_, out_, type_, arena.data<uint8_t>(storage_tensor_));
  if (adapted_.empty()) return;
  low_ = arena.matrix<T>(low_tensor_);
  for (Adapted& p : adapted_) p.b_t = arena.data<float>(p.b_t_tensor);
  const Matrix<T> gradient = arena.matrix<T>(workspace.low_gradient);
  low_gradient_ = Matrix<T>(gradient.data, gradient.rows, ranks_);
  if (workspace.dropped >= 0) {
    const Matrix<T> room = arena.matrix<T>(workspace.dropped);
    dropped_ = Matrix<T>(room.data, room.rows, in_);
  }
}

template <typename T>
void FrozenLora<T>::load(const DecoderWeights& weights) {
  constexpr int64_t kFloats = int64_t{1} << 22;  // held at once
  constexpr int64_t kStep = FrozenLinear::kPanelRows;
  const int64_t rows_at_once = std::max(kStep, kFloats / in_ / kStep * kStep);
  std::vector<float> rows(static_cast<size_t>(std::min(rows_at_once, out_) * in_));
  for (int64_t begin = 0; begin < out_; begin += rows_at_once) {
    const int64_t end = std::min(out_, begin + rows_at_once);
    int64_t first = 0;
    for (const FrozenPiece& p : pieces_) {  // which of its rows lie in [begin, end)
      const int64_t from = std::max(begin, first), to = std::min(end, first + p.out);
      if (from < to) {
        weights(p.weight, from - first, to - first,
                std::span(rows).subspan(static_cast<size_t>((from - begin) * in_),
                                        static_cast<size_t>((to - from) * in_)));
      }
      first += p.out;
    }
    linear_.pack(begin, end - begin, rows.data());
  }
}

template <typename T>
void FrozenLora<T>::set_adapter(const float* adapter) {
  adapter_ = adapter;
  adapter_changed();
}

template <typename T>
void FrozenLora<T>::adapter_changed() {
  if (!adapter_ || adapted_.empty()) return;
  // The A's lie one behind the other (AdapterTable).
  a_[0].pack(adapter_ + adapted_[0].module->a);
  for (Adapted& p : adapted_) {
    const AdapterModule& m = *p.module;
    const float* b = adapter_ + m.b;
    for (int64_t o = 0; o < m.out; ++o) {
      for (int64_t r = 0; r < m.rank; ++r) p.b_t[r * m.out + o] = b[o * m.rank + r];
    }
    p.to_low.pack(p.b_t);
  }
}

template <typename T>
Matrix<const T> FrozenLora<T>::dropped(In<T> x, const Dropout& drop) const {
  if (!drop.active()) return x;
  const Matrix<T> y = dropped_.row_range(0, x.rows);
  dropout<T>(drop, x, y);
  return y;
}

template <typename T>
void FrozenLora<T>::forward(In<T> x, const Dropout& drop, In<T> add, Matrix<T> y) {
  if (!adapter_ || adapted_.empty()) {
    linear_.template forward<T, T>(x, {}, add, y);
    return;
  }
  const Matrix<T> low = low_.row_range(0, x.rows);
  a_[0].forward(dropped(x, drop), {}, low);
  scale_rows(low, scale_);
  int64_t column = 0;
  for (size_t i = 0; i < adapted_.size(); ++i) {
    const AdapterModule& m = *adapted_[i].module;
    terms_[i] = {low.col_range(column, m.rank), adapted_[i].b_t, m.out, adapted_[i].first, m.out};
    column += m.rank;
  }
  linear_.template forward<T, T>(x, terms_, add, y);
}

template <typename T>
void FrozenLora<T>::backward(In<T> dy, In<T> x, const Dropout& drop, float* gradients,
                             bool accumulate, Matrix<T> dx) {
  if (!adapter_ || adapted_.empty()) {
    if (!dx.empty()) linear_.template backward_data<T, T>(dy, {}, {}, {}, dx);
    return;
  }
  const Matrix<T> low = low_.row_range(0, dy.rows), dlow = low_gradient_.row_range(0, dy.rows);
  int64_t column = 0;
  for (const Adapted& p : adapted_) {
    const AdapterModule& m = *p.module;
    const Matrix<const T> dpiece = dy.col_range(p.first, m.out);
    // y has low = s dropout(x) A^T; dlow = s dy B.
    linear_backward_weight<T>(dpiece, low.col_range(column, m.rank), gradients + m.b, nullptr,
                              accumulate);
    p.to_low.forward(dpiece, {}, dlow.col_range(column, m.rank));
    column += m.rank;
  }
  scale_rows(dlow, scale_);
  linear_backward_weight<T>(dlow, dropped(x, drop), gradients + adapted_[0].module->a, nullptr,
                            accumulate);
  if (dx.empty()) return;
  const LowRankTerm<T> term{dlow, adapter_ + adapted_[0].module->a, in_, 0, in_};
  linear_.template backward_data<T, T>(dy, {&term, 1}, drop, {}, dx);
}

template class FrozenLora<float>;
template class FrozenLora<bf16>;

}  // namespace gantry
