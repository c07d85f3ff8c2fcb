#include "models/classifier_model.h"

#include "base/error.h"
#include "ops/softmax_xent.h"

namespace gantry {

namespace {

template <typename T>
class ClassifierModelOf final : public ClassifierModel {
 public:
  ClassifierModelOf(const EncoderConfig& config, const ParameterTable& table,
                    const Options& options, TensorSpecs& specs)
      : table_(table),
        options_(options),
        encoder_(config, table, options.lora, options.capacity, options.training, options.int8,
                 specs),
        head_(config, table, options.head, options.capacity, specs) {
    hidden_ = config.hidden_size;
    dlogits_tensor_ =
        specs.add("gradient of logits", {options.capacity.reports, options.head.classes},
                  DType::kF32, "head");
  }

  void bind(const Arena& arena, const float* weights) override {
    encoder_.bind(arena, weights);
    head_.bind(arena, weights);
    dlogits_ = arena.matrix<float>(dlogits_tensor_);
  }

  void use_word_table(const float* words, int64_t rows) override {
    encoder_.use_word_table(words, rows);
  }

  void pack(bool frozen_too) override {
    encoder_.pack(frozen_too);
    head_.pack();
  }

  Matrix<float> logits(const PackedStep& step) override {
    pool_forward<T>(options_.head.pooling, encoder_.forward(step), step.cu_seqlens,
                    head_.pooled(step));
    return head_.forward(step, 0);
  }

  double train(const PackedStep& step, const Objective& objective,
               const Gradients& gradients) override {
    pool_forward<T>(options_.head.pooling, encoder_.forward_for_backward(step, objective.dropout),
                    step.cu_seqlens, head_.pooled(step));
    const Matrix<float> logits = head_.forward(step, objective.head_dropout);
    const Matrix<float> dlogits = dlogits_.row_range(0, step.reports());
    const double loss = loss_and_gradient(step, objective, logits, dlogits);
    backward(step, objective, dlogits, gradients, false);
    return loss;
  }

  void gradient_times_input(const PackedStep& step, int label, float* out) override {
    const Objective objective;
    pool_forward<T>(options_.head.pooling, encoder_.forward_for_backward(step, {}), step.cu_seqlens,
                    head_.pooled(step));
    head_.forward(step, 0);
    const Matrix<float> dlogits = dlogits_.row_range(0, step.reports());
    for (int64_t r = 0; r < dlogits.rows; ++r)
      for (int64_t c = 0; c < dlogits.cols; ++c) dlogits.row(r)[c] = r == 0 && c == label;
    backward(step, objective, dlogits, {.from = table_.size()}, true);
    const Matrix<float> dinput = encoder_.input_gradient();
    const float* words = encoder_.word_table();
    for (int64_t t = 0; t < step.live(); ++t) {
      const float* word = words + step.ids[static_cast<size_t>(t)] * hidden_;
      double sum = 0;
      for (int64_t i = 0; i < hidden_; ++i) sum += static_cast<double>(dinput.row(t)[i]) * word[i];
      out[t] = static_cast<float>(sum);
    }
  }

 private:
  double loss_and_gradient(const PackedStep& step, const Objective& objective, Matrix<float> logits,
                           Matrix<float> dlogits) {
    double loss = 0;
    CrossEntropy how{
        .class_weights = objective.class_weights.empty() ? nullptr : objective.class_weights.data(),
        .label_smoothing = objective.label_smoothing};
    for (int64_t r = 0; r < step.reports(); ++r) {
      const float weight = step.weights[static_cast<size_t>(r)];
      const Matrix<float> row = dlogits.row_range(r, 1);
      if (weight == 0) {
        std::fill(row.data, row.data + row.cols, 0.0f);
        continue;
      }
      how.weight_sum = objective.weight_sum / weight;
      loss +=
          cross_entropy(how, logits.row_range(r, 1), &step.labels[static_cast<size_t>(r)], row, {});
    }
    return loss;
  }

  void backward(const PackedStep& step, const Objective& objective, In<float> dlogits,
                const Gradients& gradients, bool inputs) {
    const Matrix<float> dpooled = head_.backward(step, objective.head_dropout, dlogits, gradients);
    pool_backward<T>(options_.head.pooling, step.cu_seqlens, dpooled,
                     encoder_.output_gradient(step));
    encoder_.backward(step, objective.dropout, gradients, inputs);
  }

  const ParameterTable& table_;
  Options options_;
  Encoder<T> encoder_;
  ClassificationHead head_;
  int64_t hidden_ = 0;
  int dlogits_tensor_ = -1;
  Matrix<float> dlogits_;
};

}  // namespace

double Objective::weight_of(const Example& example) const {
  const double w = class_weights.empty()
                       ? 1
                       : static_cast<double>(class_weights[static_cast<size_t>(example.label)]);
  return w * example.weight;
}

std::unique_ptr<ClassifierModel> ClassifierModel::create(const EncoderConfig& config,
                                                         const ParameterTable& table,
                                                         const Options& options,
                                                         TensorSpecs& specs) {
  if (options.bf16) return std::make_unique<ClassifierModelOf<bf16>>(config, table, options, specs);
  return std::make_unique<ClassifierModelOf<float>>(config, table, options, specs);
}

}  // namespace gantry
