#include "models/head.h"

namespace gantry {

namespace {
constexpr uint32_t kInputSite = 2, kHiddenSite = 3;  // dropout sites beside the encoder's
}

ClassificationHead::ClassificationHead(const EncoderConfig& config, const ParameterTable& table,
                                       const HeadShape& shape, const StepCapacity& capacity,
                                       TensorSpecs& specs)
    : shape_(shape),
      kind_(architecture_of(config.model_type).pooler),
      offsets_(table.head()),
      classifier_(config.hidden_size, shape.classes, Linear<float>::kTrain) {
  const int64_t h = config.hidden_size, windows = capacity.windows, c = shape.classes;
  if (shape.pooler) dense_.emplace_back(h, h, Linear<float>::kTrain);
  const auto add = [&](const char* name, int64_t n, int64_t columns) {
    return specs.add(name, {n, columns}, DType::kF32, "head");
  };
  pooled_tensor_ = add("pooled", windows, h);
  before_tanh_tensor_ = add("pooler before tanh", windows, h);
  hidden_tensor_ = add("pooler output", windows, h);
  hidden_gradient_tensor_ = add("gradient of pooled", windows, h);
  window_logits_tensor_ = add("logits of windows", windows, c);
  window_gradient_tensor_ = add("gradient of logits of windows", windows, c);
  logits_tensor_ = add("logits", capacity.reports, c);
  argmax_tensor_ = specs.add("windows of maxima", {capacity.reports, c}, DType::kI32, "head");
}

void ClassificationHead::bind(const Arena& arena, const float* weights) {
  weights_ = weights;
  pooled_ = arena.matrix<float>(pooled_tensor_);
  before_tanh_ = arena.matrix<float>(before_tanh_tensor_);
  hidden_ = arena.matrix<float>(hidden_tensor_);
  hidden_gradient_ = arena.matrix<float>(hidden_gradient_tensor_);
  window_logits_ = arena.matrix<float>(window_logits_tensor_);
  window_gradient_ = arena.matrix<float>(window_gradient_tensor_);
  logits_ = arena.matrix<float>(logits_tensor_);
  argmax_ = arena.data<int32_t>(argmax_tensor_);
}

void ClassificationHead::pack() {
  if (shape_.pooler) dense_[0].pack(weights_ + offsets_.dense);
  classifier_.pack(weights_ + offsets_.classifier);
}

Dropout ClassificationHead::site(const PackedStep& step, float rate, uint32_t place) const {
  return {.rate = rate, .row_keys = step.window_keys.data(), .site = place};
}

Matrix<float> ClassificationHead::forward(const PackedStep& step, float rate) {
  const int64_t n = step.windows();
  Matrix<float> x = rows(pooled_, n);
  if (drops_input()) dropout(site(step, rate, kInputSite), x);
  if (shape_.pooler) {
    const Matrix<float> hidden = rows(hidden_, n);
    dense_[0].forward(x,
                      {.bias = weights_ + offsets_.dense_bias,
                       .activation = Activation::kTanh,
                       .pre_activation = rows(before_tanh_, n)},
                      hidden);
    dropout(site(step, rate, kHiddenSite), hidden);
    x = hidden;
  }
  const Matrix<float> per_window = rows(window_logits_, n);
  classifier_.forward(x, {.bias = weights_ + offsets_.classifier_bias}, per_window);
  const Matrix<float> logits = rows(logits_, step.reports());
  pool_windows_forward(shape_.window_pooling, per_window, step.cu_windows, logits, argmax_);
  return logits;
}

Matrix<float> ClassificationHead::backward(const PackedStep& step, float rate, In<float> dlogits,
                                           const Gradients& gradients) {
  const int64_t n = step.windows();
  const Matrix<float> dwindows = rows(window_gradient_, n), dx = rows(hidden_gradient_, n);
  pool_windows_backward(shape_.window_pooling, step.cu_windows, dlogits, argmax_, dwindows);
  const Matrix<float> input = rows(shape_.pooler ? hidden_ : pooled_, n);
  if (float* dw = gradients.at(offsets_.classifier))
    linear_backward_weight<float>(dwindows, input, dw, gradients.at(offsets_.classifier_bias),
                                  gradients.accumulate);
  classifier_.backward_data(dwindows, {}, dx);
  if (shape_.pooler) {
    dropout(site(step, rate, kHiddenSite), dx);
    activation_backward<float>(Activation::kTanh, rows(before_tanh_, n), nullptr, dx, dx);
    if (float* dw = gradients.at(offsets_.dense))
      linear_backward_weight<float>(dx, rows(pooled_, n), dw, gradients.at(offsets_.dense_bias),
                                    gradients.accumulate);
    // The tanh's gradient is in the way of the result: hidden_ is free from here on.
    const Matrix<float> dpooled = rows(hidden_, n);
    dense_[0].backward_data(dx, {}, dpooled);
    if (drops_input()) dropout(site(step, rate, kInputSite), dpooled);
    return dpooled;
  }
  dropout(site(step, rate, kInputSite), dx);
  return dx;
}

}  // namespace gantry
