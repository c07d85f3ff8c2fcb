// ClassifierModel: an encoder with a classification head. What training and inference know of a
// model.
//
//   ParameterTable table(config, head, lora, vocabulary.ids().size());
//   TensorSpecs specs;
//   auto model = ClassifierModel::create(config, table, {...}, specs);
//   Arena arena(specs);
//   model->bind(arena, weights);  // fp32 [table.size()]
//   model->pack(true);
//   Matrix<float> logits = model->logits(step);
#pragma once

#include <memory>
#include <vector>

#include "models/encoder.h"
#include "models/gradients.h"
#include "models/head.h"
#include "models/packed_step.h"
#include "models/parameters.h"

namespace gantry {

struct Objective {
  EncoderDropout dropout;
  float head_dropout = 0;
  std::vector<float> class_weights;  // empty: all 1
  float label_smoothing = 0;
  double weight_sum = 0;  // sum over the whole step of report weight x class weight

  // What a report adds to weight_sum.
  double weight_of(const Example& example) const;
};

class ClassifierModel {
 public:
  struct Options {
    HeadShape head;
    LoraShape lora;
    StepCapacity capacity;
    bool training = false;
    bool bf16 = false;
    bool int8 = false;  // matrix products of the encoder; training = false
  };
  static std::unique_ptr<ClassifierModel> create(const EncoderConfig& config,
                                                 const ParameterTable& table,
                                                 const Options& options, TensorSpecs& specs);
  virtual ~ClassifierModel() = default;

  virtual void bind(const Arena& arena, const float* weights) = 0;
  // Takes word embeddings from `words` [rows, H], not from `weights`.
  virtual void use_word_table(const float* words, int64_t rows) = 0;
  // After the weights changed. frozen_too: also those that LoRA leaves as they are.
  virtual void pack(bool frozen_too) = 0;
  // [reports, classes], dropout off. Valid until the next call.
  virtual Matrix<float> logits(const PackedStep& step) = 0;
  // Adds the step's share of the loss and its gradients. Returns the share.
  virtual double train(const PackedStep& step, const Objective& objective,
                       const Gradients& gradients) = 0;
  // Gradient of the first report's logit of `label`, times the word embedding, summed over the
  // hidden dimension: one number a token [step.live()]. Needs training = true.
  virtual void gradient_times_input(const PackedStep& step, int label, float* out) = 0;
};

}  // namespace gantry
