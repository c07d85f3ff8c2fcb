#include "models/decoder_model.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"
#include "ops/label_loss.h"
#include "ops/scratch.h"
#include "ops/swiglu.h"

namespace gantry {
namespace {

// Dropout sites: which of a model's dropouts a mask belongs to.
enum Place : uint32_t { kQkv, kKv, kOut, kGateUp, kDown };
constexpr uint32_t kPlacesPerLayer = 8, kFirstSite = 16;

// to[i] = from[rows[i]].
template <typename T>
void gather_rows(In<T> from, std::span<const int32_t> rows, Matrix<T> to) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(to.row(static_cast<int64_t>(i)), from.row(rows[i]),
                static_cast<size_t>(to.cols) * sizeof(T));
  }
}

// to[rows[i]] += from[i], in order: rows may repeat.
template <typename T>
void scatter_rows(In<T> from, std::span<const int32_t> rows, Matrix<T> to) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const T* x = from.row(static_cast<int64_t>(i));
    T* y = to.row(rows[i]);
    for (int64_t c = 0; c < to.cols; ++c) y[c] = from_float<T>(to_float(y[c]) + to_float(x[c]));
  }
}

template <typename T>
void clear_rows(Matrix<T> x) {
  for (int64_t r = 0; r < x.rows; ++r) {
    std::memset(x.row(r), 0, static_cast<size_t>(x.cols) * sizeof(T));
  }
}

}  // namespace

template <typename T>
Matrix<T> DecoderModel<T>::stream(int64_t layer) const {
  const size_t at =
      how_.training ? static_cast<size_t>(layer) : static_cast<size_t>(layer) % streams_.size();
  return streams_[at].row_range(0, rows_);
}

template <typename T>
RmsNormWeights DecoderModel<T>::norm(const std::vector<float>& gamma) const {
  return {gamma.data(), static_cast<float>(config_.norm_eps)};
}

template <typename T>
Dropout DecoderModel<T>::site(const uint64_t* keys, const Masks& masks, int64_t layer,
                              uint32_t place) const {
  return {masks.rate, keys, kFirstSite + static_cast<uint32_t>(layer) * kPlacesPerLayer + place};
}

// ---- a step's shape ----

template <typename T>
void DecoderModel<T>::prepare(const SegmentedStep& step) {
  rows_ = step.rows();
  GANTRY_CHECK(rows_ > 0 && rows_ <= capacity_.rows && step.longest() <= capacity_.positions);
  GANTRY_CHECK(static_cast<int64_t>(step.labels.size()) <= capacity_.labels);
  segments_.clear();
  for (const Segment& s : step.segments) {
    segments_.push_back({s.parent, s.row, s.rows, s.position, s.row, s.rows});
  }
  plan_.set(segments_, step.positions);
  select_label_rows(step);
}

template <typename T>
void DecoderModel<T>::select_label_rows(const SegmentedStep& step) {
  selected_rows_.clear();
  selected_positions_.clear();
  selected_keys_.clear();
  label_selected_.clear();
  for (const LabelRow& label : step.labels) {
    GANTRY_CHECK(label.row >= 0 && label.row < rows_);
    if (selected_rows_.empty() || label.row != selected_rows_.back()) {
      GANTRY_CHECK_MSG(selected_rows_.empty() || label.row > selected_rows_.back(),
                       "labels must rise by row: call finish()");
      selected_rows_.push_back(label.row);
      selected_positions_.push_back(step.positions[static_cast<size_t>(label.row)]);
      if (!step.row_keys.empty()) {
        selected_keys_.push_back(step.row_keys[static_cast<size_t>(label.row)]);
      }
    }
    label_selected_.push_back(static_cast<int32_t>(selected_rows_.size()) - 1);
  }
  size_t next = 0;
  for (AttentionSegment& s : segments_) {
    s.query = static_cast<int32_t>(next);
    while (next < selected_rows_.size() && selected_rows_[next] < s.row + s.rows) ++next;
    s.queries = static_cast<int32_t>(next) - s.query;
  }
  label_plan_.set(segments_, selected_positions_);
}

template <typename T>
void DecoderModel<T>::embed(const SegmentedStep& step) {
  const Matrix<T> x = stream(0);
  parallel_for(rows_, 16, [&](int64_t begin, int64_t end) {
    float* row = scratch<float>(Slot::kRows, config_.hidden);
    for (int64_t r = begin; r < end; ++r) {
      const int32_t token = step.tokens[static_cast<size_t>(r)];
      GANTRY_CHECK(token >= 0 && token < config_.vocabulary);
      if (config_.tied) {
        head_.unpack_row(token, {row, static_cast<size_t>(config_.hidden)});
      } else if (!embedding_.empty()) {
        convert(embedding_.row(token), row, config_.hidden);
      } else {
        convert(embedding_bf16_.row(token), row, config_.hidden);
      }
      convert(row, x.row(r), config_.hidden);
    }
  });
}

// ---- forward ----

template <typename T>
void DecoderModel<T>::mlp_forward(int64_t layer, const Masks& masks, const uint64_t* keys,
                                  int64_t rows, Matrix<T> y) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Matrix<T> mid = k.mid.row_range(0, rows), gate_up = k.gate_up.row_range(0, rows);
  const Matrix<T> normed = (last(layer) ? selected_normed_ : normed_).row_range(0, rows);
  const Matrix<T> act = act_.row_range(0, rows);
  rms_norm_forward<T>(mid, norm(b.norm_mid), normed, k.rstd_mid);
  b.gate_up.forward(normed, site(keys, masks, layer, kGateUp), {}, gate_up);
  if (y.empty()) return;
  swiglu_forward<T>(gate_up, act);
  b.down.forward(act, site(keys, masks, layer, kDown), mid, y);
}

template <typename T>
void DecoderModel<T>::block_forward(int64_t layer, const Masks& masks, Matrix<T> y) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> qkv = k.qkv.row_range(0, rows_), ctx = k.ctx.row_range(0, rows_),
                  mid = k.mid.row_range(0, rows_);
  rms_norm_forward<T>(x, norm(b.norm_in), normed, k.rstd_in);
  b.qkv[0].forward(normed, site(masks.rows, masks, layer, kQkv), {}, qkv);
  rope_rotate<T>(rope_, plan_.query_positions(), false,
                 qkv.col_range(0, config_.q_cols() + config_.kv_cols()));
  segment_attention_forward<T>(shape_, plan_, k.q.row_range(0, rows_), k.k.row_range(0, rows_),
                               k.v.row_range(0, rows_), ctx, k.lse);
  b.out.forward(ctx, site(masks.rows, masks, layer, kOut), x, mid);
  mlp_forward(layer, masks, masks.rows, rows_, y);
}

template <typename T>
void DecoderModel<T>::last_block_forward(const Masks& masks) {
  const int64_t layer = config_.layers - 1;
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  Block& b = blocks_.back();
  Kept& k = kept_.back();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> some = selected_normed_.row_range(0, selected);
  const Matrix<T> q = k.q.row_range(0, selected), ctx = k.ctx.row_range(0, selected);
  const Matrix<T> kv(k.k.data, rows_, 2 * config_.kv_cols(), k.k.ld);
  rms_norm_forward<T>(x, norm(b.norm_in), normed, k.rstd_in);
  gather_rows<T>(normed, selected_rows_, some);
  b.qkv[0].forward(some, site(masks.selected, masks, layer, kQkv), {}, q);
  b.qkv[1].forward(normed, site(masks.rows, masks, layer, kKv), {}, kv);
  rope_rotate<T>(rope_, selected_positions_, false, q);
  rope_rotate<T>(rope_, plan_.query_positions(), false, kv.col_range(0, config_.kv_cols()));
  segment_attention_forward<T>(shape_, label_plan_, q, k.k.row_range(0, rows_),
                               k.v.row_range(0, rows_), ctx, k.lse);
  gather_rows<T>(x, selected_rows_, some);
  b.out.forward(ctx, site(masks.selected, masks, layer, kOut), some, k.mid.row_range(0, selected));
  mlp_forward(layer, masks, masks.selected, selected, hidden_.row_range(0, selected));
}

template <typename T>
void DecoderModel<T>::forward(const SegmentedStep& step, Masks masks) {
  prepare(step);
  masks.selected = selected_keys_.data();
  embed(step);
  for (int64_t l = 0; l + 1 < config_.layers; ++l) block_forward(l, masks, stream(l + 1));
  last_block_forward(masks);
}

// ---- head ----

template <typename T>
Matrix<float> DecoderModel<T>::chunk_logits(int64_t begin, int64_t count) {
  const Matrix<T> x = chunk_.row_range(0, count);
  gather_rows<T>(
      final_,
      std::span(label_selected_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
      x);
  const Matrix<float> logits = logits_.row_range(0, count);
  head_.template forward<T, float>(Matrix<const T>(x), {}, {}, logits);
  return logits;
}

template <typename T>
double DecoderModel<T>::head(const SegmentedStep& step, double scale,
                             std::span<float> log_probabilities) {
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  const auto labels = static_cast<int64_t>(step.labels.size());
  const Matrix<T> hidden = hidden_.row_range(0, selected), final = final_.row_range(0, selected);
  rms_norm_forward<T>(hidden, norm(final_norm_), final, final_rstd_);
  if (scale != 0) clear_rows(final_gradient_.row_range(0, selected));
  double sum = 0;
  for (int64_t begin = 0; begin < labels; begin += chunk_rows_) {
    const int64_t count = std::min(chunk_rows_, labels - begin);
    const Matrix<float> logits = chunk_logits(begin, count);
    for (int64_t i = 0; i < count; ++i) {
      const LabelRow& label = step.labels[static_cast<size_t>(begin + i)];
      chunk_labels_[static_cast<size_t>(i)] = label.label;
      chunk_factors_[static_cast<size_t>(i)] =
          static_cast<float>(scale * static_cast<double>(label.weight));
    }
    label_loss(logits, chunk_labels_.data(), scale != 0 ? chunk_factors_.data() : nullptr,
               chunk_log_p_.data());
    for (int64_t i = 0; i < count; ++i) {
      const float log_p = chunk_log_p_[static_cast<size_t>(i)];
      sum += static_cast<double>(step.labels[static_cast<size_t>(begin + i)].weight) *
             static_cast<double>(log_p);
      if (!log_probabilities.empty()) log_probabilities[static_cast<size_t>(begin + i)] = log_p;
    }
    if (scale == 0) continue;
    const Matrix<T> dx = chunk_gradient_.row_range(0, count);
    head_.template backward_data<float, T>(Matrix<const float>(logits), {}, {}, {}, dx);
    scatter_rows<T>(
        dx,
        std::span(label_selected_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
        final_gradient_);
  }
  if (scale != 0) {
    const Matrix<T> d = final_gradient_.row_range(0, selected);
    rms_norm_backward<T>(d, hidden, final_rstd_, norm(final_norm_), {}, d);
  }
  return sum;
}

// ---- backward ----

template <typename T>
void DecoderModel<T>::mlp_backward(int64_t layer, const Pass& pass, const uint64_t* keys,
                                   Matrix<T> dy) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const int64_t rows = dy.rows;
  const Matrix<T> mid = k.mid.row_range(0, rows), gate_up = k.gate_up.row_range(0, rows);
  const Matrix<T> normed = (last(layer) ? selected_normed_ : normed_).row_range(0, rows);
  const Matrix<T> act = act_.row_range(0, rows);
  swiglu_forward<T>(gate_up, act);
  b.down.backward(dy, act, site(keys, pass.masks, layer, kDown), pass.gradients, pass.accumulate,
                  act);
  swiglu_backward<T>(gate_up, act, gate_up);
  rms_norm_forward<T>(mid, norm(b.norm_mid), normed, nullptr);
  b.gate_up.backward(gate_up, normed, site(keys, pass.masks, layer, kGateUp), pass.gradients,
                     pass.accumulate, normed);
  rms_norm_backward<T>(normed, mid, k.rstd_mid, norm(b.norm_mid), dy, dy);
}

template <typename T>
void DecoderModel<T>::block_backward(int64_t layer, const Pass& pass, Matrix<T> dy) {
  Block& b = blocks_[static_cast<size_t>(layer)];
  Kept& k = kept_[static_cast<size_t>(layer)];
  const Masks& masks = pass.masks;
  const int64_t qc = config_.q_cols(), kc = config_.kv_cols();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> ctx = k.ctx.row_range(0, rows_), dctx = dctx_.row_range(0, rows_),
                  dqkv = dqkv_.row_range(0, rows_);
  mlp_backward(layer, pass, masks.rows, dy);
  b.out.backward(dy, ctx, site(masks.rows, masks, layer, kOut), pass.gradients, pass.accumulate,
                 dctx);
  segment_attention_backward<T>(shape_, plan_, k.q.row_range(0, rows_), k.k.row_range(0, rows_),
                                k.v.row_range(0, rows_), ctx, k.lse, dctx, dqkv.col_range(0, qc),
                                dqkv.col_range(qc, kc), dqkv.col_range(qc + kc, kc));
  rope_rotate<T>(rope_, plan_.query_positions(), true, dqkv.col_range(0, qc + kc));
  rms_norm_forward<T>(x, norm(b.norm_in), normed, nullptr);
  const bool wanted = layer > 0;  // nothing below the first block is trained
  b.qkv[0].backward(dqkv, normed, site(masks.rows, masks, layer, kQkv), pass.gradients,
                    pass.accumulate, wanted ? normed : Matrix<T>());
  if (wanted) rms_norm_backward<T>(normed, x, k.rstd_in, norm(b.norm_in), dy, dy);
}

template <typename T>
void DecoderModel<T>::last_block_backward(const Pass& pass, Matrix<T> dy, Matrix<T> dx) {
  const int64_t layer = config_.layers - 1, selected = dy.rows;
  Block& b = blocks_.back();
  Kept& k = kept_.back();
  const Masks& masks = pass.masks;
  const int64_t kc = config_.kv_cols();
  const Matrix<T> x = stream(layer), normed = normed_.row_range(0, rows_);
  const Matrix<T> some = selected_normed_.row_range(0, selected);
  const Matrix<T> ctx = k.ctx.row_range(0, selected), dctx = dctx_.row_range(0, selected),
                  dq = dq_.row_range(0, selected), dkv(dqkv_.data, rows_, 2 * kc);
  mlp_backward(layer, pass, masks.selected, dy);
  b.out.backward(dy, ctx, site(masks.selected, masks, layer, kOut), pass.gradients, pass.accumulate,
                 dctx);
  segment_attention_backward<T>(shape_, label_plan_, k.q.row_range(0, selected),
                                k.k.row_range(0, rows_), k.v.row_range(0, rows_), ctx, k.lse, dctx,
                                dq, dkv.col_range(0, kc), dkv.col_range(kc, kc));
  rope_rotate<T>(rope_, selected_positions_, true, dq);
  rope_rotate<T>(rope_, plan_.query_positions(), true, dkv.col_range(0, kc));
  rms_norm_forward<T>(x, norm(b.norm_in), normed, nullptr);
  gather_rows<T>(normed, selected_rows_, some);
  const bool wanted = layer > 0;
  b.qkv[0].backward(dq, some, site(masks.selected, masks, layer, kQkv), pass.gradients,
                    pass.accumulate, wanted ? some : Matrix<T>());
  b.qkv[1].backward(dkv, normed, site(masks.rows, masks, layer, kKv), pass.gradients,
                    pass.accumulate, wanted ? normed : Matrix<T>());
  if (!wanted) return;
  scatter_rows<T>(some, selected_rows_, normed);
  clear_rows(dx);
  scatter_rows<T>(dy, selected_rows_, dx);
  rms_norm_backward<T>(normed, x, k.rstd_in, norm(b.norm_in), dx, dx);
}

template <typename T>
double DecoderModel<T>::loss(const SegmentedStep& step) {
  if (step.labels.empty()) return 0;
  forward(step, {});
  return -head(step, 0, {});
}

template <typename T>
void DecoderModel<T>::label_log_probabilities(const SegmentedStep& step, std::span<float> out) {
  GANTRY_CHECK(out.size() == step.labels.size());
  if (step.labels.empty()) return;
  forward(step, {});
  head(step, 0, out);
}

template <typename T>
void DecoderModel<T>::logits(const SegmentedStep& step, Matrix<float> out) {
  const auto labels = static_cast<int64_t>(step.labels.size());
  GANTRY_CHECK(out.rows == labels && out.cols == config_.vocabulary);
  if (labels == 0) return;
  forward(step, {});
  const auto selected = static_cast<int64_t>(selected_rows_.size());
  rms_norm_forward<T>(hidden_.row_range(0, selected), norm(final_norm_),
                      final_.row_range(0, selected), nullptr);
  for (int64_t begin = 0; begin < labels; begin += chunk_rows_) {
    const int64_t count = std::min(chunk_rows_, labels - begin);
    const Matrix<float> part = chunk_logits(begin, count);
    for (int64_t i = 0; i < count; ++i) {
      std::copy(part.row(i), part.row(i) + part.cols, out.row(begin + i));
    }
  }
}

template <typename T>
double DecoderModel<T>::loss_and_gradients(const SegmentedStep& step, double scale,
                                           float* gradients, bool accumulate) {
  GANTRY_CHECK(how_.training && gradients && scale != 0);
  if (step.labels.empty()) {
    if (!accumulate) std::fill(gradients, gradients + adapters_.size(), 0.0f);
    return 0;
  }
  Masks masks;
  if (lora_.dropout > 0) {
    GANTRY_CHECK(static_cast<int64_t>(step.row_keys.size()) == step.rows());
    masks = {lora_.dropout, step.row_keys.data(), nullptr};
  }
  forward(step, masks);
  masks.selected = selected_keys_.data();
  const double sum = -head(step, scale, {});
  const Pass pass{gradients, accumulate, masks};
  const Matrix<T> d = stream_gradient_.row_range(0, rows_);
  last_block_backward(pass,
                      final_gradient_.row_range(0, static_cast<int64_t>(selected_rows_.size())), d);
  for (int64_t l = config_.layers - 2; l >= 0; --l) {
    if (how_.recompute) block_forward(l, masks, {});  // up to gate and up: backward needs no more
    block_backward(l, pass, d);
  }
  return scale * sum;
}

template class DecoderModel<float>;
template class DecoderModel<bf16>;

}  // namespace gantry
