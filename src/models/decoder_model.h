// DecoderModel<T>: the Decoder of decoder.h with activations of type T.
//
// What backward needs of a block is its input, q k v after rotation, the attention's result with
// its log-sum-exp, the stream between attention and MLP, gate and up, and the adapters' r-wide
// intermediates; norms and the SwiGLU product are computed again. With `recompute` only the inputs
// stay and the rest is computed a second time.
#pragma once

#include <memory>
#include <vector>

#include "models/decoder.h"
#include "models/frozen_lora.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/segment_attention.h"

namespace gantry {

template <typename T>
class DecoderModel : public Decoder {
 public:
  DecoderModel(const DecoderConfig& config, const DecoderLora& lora, const DecoderHow& how,
               const DecoderCapacity& capacity, TensorSpecs& specs);

  const DecoderConfig& config() const override { return config_; }
  const AdapterTable& adapters() const override { return adapters_; }
  void bind(const Arena& arena) override;
  void load(const DecoderWeights& weights, const ProgressSink& sink) override;
  void set_adapter(const float* adapter) override;
  void adapter_changed() override;
  double loss(const SegmentedStep& step) override;
  double loss_and_gradients(const SegmentedStep& step, double scale, float* gradients,
                            bool accumulate) override;
  void label_log_probabilities(const SegmentedStep& step, std::span<float> out) override;
  void logits(const SegmentedStep& step, Matrix<float> out) override;

 private:
  // What a block keeps for backward: numbers in TensorSpecs, and where they are. The last block has
  // label rows only, but for k and v.
  struct KeptTensors {
    int q, kv, ctx, lse, mid, rstd_in, rstd_mid, gate_up;  // q: with k and v; kv: last block only
  };
  struct Kept {
    Matrix<T> qkv, q, k, v, ctx, mid, gate_up;
    float *lse = nullptr, *rstd_in = nullptr, *rstd_mid = nullptr;
  };
  // The last block's q is a matrix of its own: it is computed for label rows only.
  struct Block {
    std::vector<FrozenLora<T>> qkv;  // one; the last block: q, and k with v
    FrozenLora<T> out, gate_up, down;
    std::vector<float> norm_in, norm_mid;
  };
  // Dropout of the adapters, or none.
  struct Masks {
    float rate = 0;
    const uint64_t* rows = nullptr;      // keys of all rows
    const uint64_t* selected = nullptr;  // keys of label rows
  };
  struct Pass {  // a gradient being computed
    float* gradients;
    bool accumulate;
    Masks masks;
  };

  void add_blocks(TensorSpecs& specs);
  void add_buffers(TensorSpecs& specs);
  KeptTensors add_kept(int64_t layer, const std::string& group, TensorSpecs& specs);
  Kept bind_kept(int64_t layer, const Arena& arena) const;
  bool last(int64_t layer) const { return layer + 1 == config_.layers; }
  bool shares_buffers() const { return !how_.training || how_.recompute; }
  Matrix<T> stream(int64_t layer) const;  // input of a block
  RmsNormWeights norm(const std::vector<float>& gamma) const;
  Dropout site(const uint64_t* keys, const Masks& masks, int64_t layer, uint32_t place) const;

  void prepare(const SegmentedStep& step);
  void select_label_rows(const SegmentedStep& step);
  void embed(const SegmentedStep& step);
  void forward(const SegmentedStep& step, Masks masks);
  // y empty: only what backward needs.
  void block_forward(int64_t layer, const Masks& masks, Matrix<T> y);
  void last_block_forward(const Masks& masks);
  void mlp_forward(int64_t layer, const Masks& masks, const uint64_t* keys, int64_t rows,
                   Matrix<T> y);
  void block_backward(int64_t layer, const Pass& pass, Matrix<T> dy);
  void last_block_backward(const Pass& pass, Matrix<T> dy, Matrix<T> dx);
  void mlp_backward(int64_t layer, const Pass& pass, const uint64_t* keys, Matrix<T> dy);
  // Sum of weight * log p(label); scale: of the loss's gradient, into final_gradient_, 0: none.
  double head(const SegmentedStep& step, double scale, std::span<float> log_probabilities);
  Matrix<float> chunk_logits(int64_t begin, int64_t count);

  DecoderConfig config_;
  DecoderLora lora_;
  DecoderHow how_;
  DecoderCapacity capacity_;
  AdapterTable adapters_;
  SegmentAttentionShape shape_;
  RopeTable rope_;
  std::vector<Block> blocks_;
  int64_t chunk_rows_ = 0;  // label rows whose logits are held at once

  int head_tensor_ = -1, embedding_tensor_ = -1;
  std::vector<KeptTensors> kept_tensors_;  // of each block, or two: all but the last, the last
  std::vector<int> stream_tensors_;
  LoraWorkspace workspace_;
  int normed_tensor_ = -1, act_tensor_ = -1, dqkv_tensor_ = -1, dctx_tensor_ = -1;
  int stream_gradient_tensor_ = -1, dq_tensor_ = -1, selected_normed_tensor_ = -1;
  int hidden_tensor_ = -1, final_tensor_ = -1, final_rstd_tensor_ = -1, final_gradient_tensor_ = -1;
  int chunk_tensor_ = -1, chunk_gradient_tensor_ = -1, logits_tensor_ = -1;

  FrozenLinear head_;
  Matrix<float> embedding_;      // where it is not the head's matrix: in fp32 ...
  Matrix<bf16> embedding_bf16_;  // ... or bf16
  std::vector<float> final_norm_;
  std::vector<Kept> kept_;
  std::vector<Matrix<T>> streams_;
  Matrix<T> normed_, act_, dqkv_, dctx_, stream_gradient_, dq_, selected_normed_;
  Matrix<T> hidden_, final_, final_gradient_, chunk_, chunk_gradient_;
  float* final_rstd_ = nullptr;
  Matrix<float> logits_;

  // Of the step at hand.
  int64_t rows_ = 0;
  std::vector<AttentionSegment> segments_;
  SegmentPlan plan_, label_plan_;
  // Rows that predict a label, each once: what the last block and the head compute.
  std::vector<int32_t> selected_rows_, selected_positions_;
  std::vector<uint64_t> selected_keys_;
  std::vector<int32_t> label_selected_;  // of each label: its place among the selected rows
  std::vector<int32_t> chunk_labels_;
  std::vector<float> chunk_factors_, chunk_log_p_;
};

}  // namespace gantry
