// Encoder<T>: the blocks of BERT, RoBERTa and XLM-R over a packed step, forward and backward.
// T (float or bf16) is the type of activations and of the weights in matrix products; sums, norms,
// softmax and gradients of weights are fp32.
//
// Its buffers are tensors of the caller's TensorSpecs, so that one allocation holds everything.
#pragma once

#include <cstdint>
#include <vector>

#include "models/gradients.h"
#include "models/lora.h"
#include "models/packed_step.h"
#include "models/parameters.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "tensor/arena.h"
#include "weights/hf_config.h"

namespace gantry {

struct EncoderDropout {
  float hidden = 0, attention = 0, lora = 0;
};

// Floating-point operations of the matrix products for one token: 2 a weight forward, 2 for the
// gradient of the inputs where one is needed, 2 for that of the weights where they are trained.
// Attention itself and everything else is left out, so that a percentage of the ceiling is never
// flattered.
struct EncoderFlops {
  double forward = 0, training = 0;
};
EncoderFlops encoder_flops(const EncoderConfig& config, const LoraShape& lora,
                           bool frozen_embeddings);

// Error E0614 when the kernels cannot take this shape of encoder.
void check_encoder_shape(const EncoderConfig& config);

template <typename T>
class Encoder {
 public:
  // Adds its tensors to `specs`. training: keeps activations and packs for backward. int8: matrix
  // products in 8 bits, inference only.
  Encoder(const EncoderConfig& config, const ParameterTable& table, const LoraShape& lora,
          const StepCapacity& capacity, bool training, bool int8, TensorSpecs& specs);
  // `weights` (table.size() floats) must outlive the encoder.
  void bind(const Arena& arena, const float* weights);
  // Takes word embeddings from `words` [rows, H] (a mapped file), not from the flat array.
  void use_word_table(const float* words, int64_t rows);
  const float* word_table() const { return tables().word; }
  // After the weights changed. frozen_too: also those of depths that are frozen under LoRA.
  void pack(bool frozen_too);

  // Last hidden states [step.rows, H]; rows behind the live ones are zeros. The result is valid
  // until the next call.
  Matrix<T> forward(const PackedStep& step);
  Matrix<T> forward_for_backward(const PackedStep& step, const EncoderDropout& dropout);
  // Where the caller writes dL/d(last hidden states) [step.rows, H] for backward().
  Matrix<T> output_gradient(const PackedStep& step) const;
  // inputs: also leaves dL/d(sum of embeddings) in input_gradient().
  void backward(const PackedStep& step, const EncoderDropout& dropout, const Gradients& gradients,
                bool inputs = false);
  Matrix<float> input_gradient() const { return embedding_scratch_; }  // [rows, H]

 private:
  struct BlockTensors {  // numbers in TensorSpecs
    int qkv, ctx, sum1, x1, up, act, sum2, out, lse, mean1, rstd1, mean2, rstd2;
  };
  struct BlockBuffers {
    Matrix<T> qkv, ctx, sum1, x1, up, act, sum2, out;
    float *lse = nullptr, *mean1 = nullptr, *rstd1 = nullptr, *mean2 = nullptr, *rstd2 = nullptr;
  };
  struct BlockWeights {
    AdaptedLinear<T> qkv, out, up, down;
  };

  void add_tensors(TensorSpecs& specs);
  const float* weight(int64_t offset) const { return weights_ + offset; }
  Dropout site(const PackedStep& step, float rate, int64_t layer, uint32_t place) const;
  LayerNormWeights norm(int64_t gamma, int64_t beta) const;
  EmbeddingTables tables() const;
  void embed(const PackedStep& step, float dropout, Matrix<T> y);
  void block_forward(int64_t layer, const PackedStep& step, const EncoderDropout& dropout,
                     Matrix<T> x);
  void block_infer(int64_t layer, const PackedStep& step, Matrix<T> x);
  void block_backward(int64_t layer, const PackedStep& step, const EncoderDropout& dropout,
                      const Gradients& gradients, Matrix<T> x, bool input_wanted);

  EncoderConfig config_;
  const ParameterTable& table_;
  LoraShape lora_;
  StepCapacity capacity_;
  bool training_;
  Activation activation_;
  const float* weights_ = nullptr;
  const float* words_ = nullptr;
  int64_t word_rows_ = 0;

  std::vector<BlockTensors> block_tensors_;
  int embedded_tensor_ = -1, branch_tensor_ = -1, embedding_mean_tensor_ = -1,
      embedding_rstd_tensor_ = -1;
  int gradient_tensors_[3] = {-1, -1, -1};
  int up_gradient_tensor_ = -1, qkv_gradient_tensor_ = -1, embedding_scratch_tensor_ = -1;

  std::vector<BlockBuffers> buffers_;
  std::vector<BlockWeights> blocks_;
  Matrix<T> embedded_, branch_;
  float *embedding_mean_ = nullptr, *embedding_rstd_ = nullptr;
  Matrix<T> gradient_[3], up_gradient_, qkv_gradient_;
  Matrix<float> embedding_scratch_;
};

}  // namespace gantry
