#include "models/masked_words.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"
#include "ops/softmax_xent.h"

namespace gantry {

namespace {

template <typename T>
class MaskedWordsModelOf final : public MaskedWordsModel {
 public:
  MaskedWordsModelOf(const EncoderConfig& config, const ParameterTable& table,
                     const StepCapacity& capacity, int64_t masked, TensorSpecs& specs)
      : table_(table),
        eps_(static_cast<float>(config.layer_norm_eps)),
        encoder_(config, table, {}, capacity, true, false, specs),
        dense_(config.hidden_size, config.hidden_size, Linear<float>::kTrain),
        decoder_(config.hidden_size,
                 (table.embedding().position - table.embedding().word) / config.hidden_size,
                 Linear<float>::kTrain) {
    const int64_t h = config.hidden_size;
    const auto add = [&](const char* name, int64_t columns) {
      return specs.add(name, {masked, columns}, DType::kF32, "masked-language head");
    };
    for (int& t : hidden_tensors_) t = add("hidden state of masked words", h);
    logits_tensor_ = add("logits of words", decoder_.out());
    mean_tensor_ = add("mean", 1);
    rstd_tensor_ = add("rstd", 1);
  }

  void bind(const Arena& arena, const float* weights) override {
    weights_ = weights;
    encoder_.bind(arena, weights);
    for (int i = 0; i < 6; ++i) hidden_[i] = arena.matrix<float>(hidden_tensors_[i]);
    logits_ = arena.matrix<float>(logits_tensor_);
    mean_ = arena.data<float>(mean_tensor_);
    rstd_ = arena.data<float>(rstd_tensor_);
  }

  void pack() override {
    encoder_.pack(true);
    dense_.pack(weights_ + table_.head().dense);
    decoder_.pack(weights_ + table_.head().classifier);
  }

  double train(const PackedStep& step, const MaskedWords& masked, int64_t all_masked,
               const EncoderDropout& dropout, const Gradients& gradients) override {
    const auto n = static_cast<int64_t>(masked.rows.size());
    GANTRY_CHECK(n <= hidden_[0].rows);
    const Matrix<T> last = encoder_.forward_for_backward(step, dropout);
    loss_ = 0;
    const Matrix<float> dx = n > 0 ? head(last, masked, all_masked, gradients) : Matrix<float>{};
    const Matrix<T> dlast = encoder_.output_gradient(step);
    parallel_for(dlast.rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        std::fill(dlast.row(r), dlast.row(r) + dlast.cols, from_float<T>(0));
    });
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < dlast.cols; ++c)
        dlast.row(masked.rows[static_cast<size_t>(i)])[c] = from_float<T>(dx.row(i)[c]);
    encoder_.backward(step, dropout, gradients);
    return loss_;
  }

 private:
  // Forward and backward of the head: dL/d(hidden states of the masked rows). Sets loss_.
  Matrix<float> head(Matrix<T> last, const MaskedWords& masked, int64_t all_masked,
                     const Gradients& gradients) {
    const auto n = static_cast<int64_t>(masked.rows.size());
    Matrix<float> m[6];
    for (int i = 0; i < 6; ++i) m[i] = hidden_[i].row_range(0, n);
    const auto& [x, before, activated, sum, normed, dx] = m;
    const HeadOffsets& o = table_.head();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < x.cols; ++c)
        x.row(i)[c] = to_float(last.row(masked.rows[static_cast<size_t>(i)])[c]);

    const LayerNormWeights norm{weights_ + o.norm, weights_ + o.norm_bias, eps_};
    const LayerNormSaved<float> saved{.x = sum, .mean = mean_, .rstd = rstd_};
    const Matrix<float> logits = logits_.row_range(0, n);
    dense_.forward(x,
                   {.bias = weights_ + o.dense_bias,
                    .activation = Activation::kGelu,
                    .pre_activation = before},
                   activated);
    layer_norm_forward<float>(activated, nullptr, {}, {}, norm, n, saved, normed);
    decoder_.forward(normed, {.bias = weights_ + o.classifier_bias}, logits);
    loss_ = cross_entropy({.weight_sum = static_cast<double>(all_masked)}, logits,
                          masked.targets.data(), logits, {});

    // The word table's gradient is always added to: the embeddings add theirs after it.
    linear_backward_weight<float>(logits, normed, gradients.at(o.classifier), nullptr, true);
    add_bias_gradient(logits, gradients.at(o.classifier_bias), gradients.accumulate);
    decoder_.backward_data(logits, {}, dx);
    layer_norm_backward<float>(dx, {}, {}, norm, n, saved,
                               {.residual = activated,
                                .gamma = gradients.at(o.norm),
                                .beta = gradients.at(o.norm_bias),
                                .accumulate = gradients.accumulate});
    activation_backward<float>(Activation::kGelu, before, nullptr, activated, activated);
    linear_backward_weight<float>(activated, x, gradients.at(o.dense), gradients.at(o.dense_bias),
                                  gradients.accumulate);
    dense_.backward_data(activated, {}, dx);
    return dx;
  }

  static void add_bias_gradient(Matrix<float> dlogits, float* bias, bool accumulate) {
    parallel_for(dlogits.cols, 256, [&](int64_t begin, int64_t end) {
      if (!accumulate) std::fill(bias + begin, bias + end, 0.0f);
      for (int64_t r = 0; r < dlogits.rows; ++r)
        for (int64_t c = begin; c < end; ++c) bias[c] += dlogits.row(r)[c];
    });
  }

  const ParameterTable& table_;
  float eps_;
  Encoder<T> encoder_;
  Linear<float> dense_, decoder_;
  const float* weights_ = nullptr;
  int hidden_tensors_[6], logits_tensor_, mean_tensor_, rstd_tensor_;
  Matrix<float> hidden_[6], logits_;
  float *mean_ = nullptr, *rstd_ = nullptr;
  double loss_ = 0;
};

}  // namespace

std::unique_ptr<MaskedWordsModel> MaskedWordsModel::create(const EncoderConfig& config,
                                                           const ParameterTable& table,
                                                           const StepCapacity& capacity,
                                                           int64_t masked, bool use_bf16,
                                                           TensorSpecs& specs) {
  if (use_bf16)
    return std::make_unique<MaskedWordsModelOf<bf16>>(config, table, capacity, masked, specs);
  return std::make_unique<MaskedWordsModelOf<float>>(config, table, capacity, masked, specs);
}

}  // namespace gantry
