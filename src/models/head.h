// ClassificationHead: from the pooled vectors of windows to the logits of reports, in fp32.
//   linear:   dropout -> classifier
//   BERT:     tanh(dense x) -> dropout -> classifier
//   RoBERTa:  dropout -> tanh(dense x) -> dropout -> out_proj
// Each window gets logits; those of a report's windows are averaged, or their maximum taken.
#pragma once

#include <cstdint>
#include <vector>

#include "models/gradients.h"
#include "models/packed_step.h"
#include "models/parameters.h"
#include "ops/dropout.h"
#include "ops/linear.h"
#include "tensor/arena.h"

namespace gantry {

class ClassificationHead {
 public:
  ClassificationHead(const EncoderConfig& config, const ParameterTable& table,
                     const HeadShape& shape, const StepCapacity& capacity, TensorSpecs& specs);
  void bind(const Arena& arena, const float* weights);
  void pack();

  // Where the caller writes the pooled vectors [windows, H].
  Matrix<float> pooled(const PackedStep& step) const { return rows(pooled_, step.windows()); }
  // logits [reports, classes], valid until the next call. Changes pooled().
  Matrix<float> forward(const PackedStep& step, float dropout);
  // dlogits [reports, classes] -> dL/d(pooled) [windows, H]. After forward() of the same step.
  Matrix<float> backward(const PackedStep& step, float dropout, In<float> dlogits,
                         const Gradients& gradients);

 private:
  static Matrix<float> rows(const Matrix<float>& m, int64_t n) { return m.row_range(0, n); }
  Dropout site(const PackedStep& step, float rate, uint32_t place) const;
  bool drops_input() const { return !shape_.pooler || kind_ == PoolerKind::kDropoutTanhDropout; }

  HeadShape shape_;
  PoolerKind kind_;
  HeadOffsets offsets_;
  const float* weights_ = nullptr;
  int pooled_tensor_, before_tanh_tensor_, hidden_tensor_, hidden_gradient_tensor_,
      window_logits_tensor_, window_gradient_tensor_, logits_tensor_, argmax_tensor_;
  Matrix<float> pooled_, before_tanh_, hidden_, hidden_gradient_, window_logits_, window_gradient_,
      logits_;
  int32_t* argmax_ = nullptr;
  std::vector<Linear<float>> dense_;  // none, or one
  Linear<float> classifier_;
};

}  // namespace gantry
