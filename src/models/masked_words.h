// MaskedWordsModel: an encoder that guesses masked words, for continued pretraining (Devlin et al.
// 2019; Gururangan et al. 2020). The head is BERT's: LayerNorm(gelu(dense x)), then the word table
// itself, and a bias. Only rows of the compact vocabulary are guessed among, and the head sees the
// masked rows alone. The table is one made with HeadShape::masked_words.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "models/encoder.h"
#include "models/gradients.h"

namespace gantry {

struct MaskedWords {
  std::vector<int32_t> rows;     // of the packed step, rising
  std::vector<int32_t> targets;  // compact rows that stood there
};

class MaskedWordsModel {
 public:
  // At most `masked` masked words a pass.
  static std::unique_ptr<MaskedWordsModel> create(const EncoderConfig& config,
                                                  const ParameterTable& table,
                                                  const StepCapacity& capacity, int64_t masked,
                                                  bool bf16, TensorSpecs& specs);
  virtual ~MaskedWordsModel() = default;
  virtual void bind(const Arena& arena, const float* weights) = 0;
  virtual void pack() = 0;
  // Adds the pass's share of the loss (mean over `all_masked` words of the step) and its gradients.
  // The gradients of the embeddings must be zero, or those of earlier passes. Returns the share.
  virtual double train(const PackedStep& step, const MaskedWords& masked, int64_t all_masked,
                       const EncoderDropout& dropout, const Gradients& gradients) = 0;
};

}  // namespace gantry
