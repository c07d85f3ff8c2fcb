// Decoder: LLaMA- and Mistral-class causal language models with frozen weights (bf16, int8, nf4 or
// fp32) and trainable LoRA adapters (fp32), forward and backward over a segmented step.
//
//   TensorSpecs specs;
//   auto decoder = make_decoder(base.config(), lora, how, capacity, specs);
//   const int adapter = specs.add("adapter", {decoder->adapters().size()}, DType::kF32, "adapter");
//   Arena arena(specs, limit);                 // E0601 before a weight is read
//   decoder->bind(arena);
//   decoder->load(folder_weights(base));       // layer by layer
//   init_adapter(decoder->adapters(), seed, arena.data<float>(adapter));
//   decoder->set_adapter(arena.data<float>(adapter));
//   double loss = decoder->loss_and_gradients(step, 1.0 / label_tokens, gradients, false, dropout);
//   ... AdamW over the flat adapter; decoder->adapter_changed();
//
// The head and the loss are computed for label rows only, as are queries and the MLP of the last
// block. Nothing is allocated within a step once its largest shapes have been seen. Results do not
// depend on threads, nor a sequence's on what else lies in the step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "models/segments.h"
#include "ops/frozen_linear.h"
#include "tensor/arena.h"
#include "weights/decoder_config.h"

namespace gantry {

class DecoderFolder;

struct DecoderLora {
  int rank = 0;  // 0: none, the frozen model alone
  float alpha = 16;
  bool rslora = false;               // scale alpha / sqrt(rank) instead of alpha / rank
  float dropout = 0;                 // of the adapters' inputs
  std::vector<std::string> targets;  // of decoder_lora_targets()

  float scale() const;
};
// q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.
std::span<const std::string> decoder_lora_targets();
// Error E0621: rank, alpha or dropout out of range, no or an unknown target.
void check_decoder_lora(const DecoderLora& lora, const DecoderConfig& config);

// One adapted matrix in the flat adapter array.
struct AdapterModule {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  int layer = 0;
  int target = 0;  // index into decoder_lora_targets()
  int64_t in = 0, out = 0, rank = 0;
  int64_t a = 0, b = 0;  // offsets of A [rank, in] and B [out, rank]
};

// Where each adapter lies in one flat fp32 array; padding is zero.
class AdapterTable {
 public:
  AdapterTable() = default;
  AdapterTable(const DecoderConfig& config, const DecoderLora& lora);
  const std::vector<AdapterModule>& modules() const { return modules_; }  // layer by layer
  const AdapterModule* find(int layer, int target) const;                 // nullptr: not adapted
  int64_t size() const { return size_; }                                  // floats

 private:
  std::vector<AdapterModule> modules_;
  std::vector<int> index_;
  int64_t size_ = 0;
};
// A from U(+-1/sqrt(in)) (PEFT's kaiming_uniform(a = sqrt 5)), B = 0; by (seed, module name).
void init_adapter(const AdapterTable& table, uint64_t seed, float* adapter);

// The most a SegmentedStep will hold: what buffers are sized by.
struct DecoderCapacity {
  int64_t rows = 0;
  int64_t segments = 0;
  int64_t labels = 0;
  int64_t positions = 0;  // longest line of ancestors; also where a `dynamic` RoPE is stretched to
};

struct DecoderHow {
  FrozenType weights = FrozenType::bf16;       // of the blocks' matrices
  FrozenType head_weights = FrozenType::bf16;  // embedding and LM head: bf16, int8 or f32
  bool bf16_activations = true;                // else fp32
  bool training = true;                        // keeps activations for backward
  bool recompute = false;                      // keeps only each block's input; 4/3 of the work
};

// Where a model's frozen weights come from: called once for each name of decoder_tensors(), to fill
// rows [begin, end) of it as floats. Any source does: a folder, random numbers.
using DecoderWeights =
    std::function<void(const std::string& name, int64_t begin, int64_t end, std::span<float> out)>;
DecoderWeights folder_weights(const DecoderFolder& folder);  // which must outlive the function

// Bytes of the frozen weights of this model in this form: known before anything is read.
int64_t frozen_bytes(const DecoderConfig& config, const DecoderHow& how);

// Bytes of a whole run: weights, activations, the adapter with its gradients and moments.
int64_t decoder_bytes(const DecoderConfig& config, const DecoderLora& lora, const DecoderHow& how,
                      const DecoderCapacity& capacity);
// Error E0601, with the table of what takes it and what would fit, when decoder_bytes() is more
// than `limit` (0: no limit). Call before the weights are read.
void require_decoder_memory(const DecoderConfig& config, const DecoderLora& lora,
                            const DecoderHow& how, const DecoderCapacity& capacity, int64_t limit);
// "It would fit with base weights in nf4: 4210 MiB."
std::string what_would_fit(const DecoderConfig& config, const DecoderLora& lora,
                           const DecoderHow& how, const DecoderCapacity& capacity, int64_t limit);

// Floating-point operations of the matrix products of one row in a training step (without attention
// itself, so that a percentage of the ceiling is never flattered), and of one label row in the
// head.
struct DecoderFlops {
  double row = 0, label = 0;
};
DecoderFlops decoder_flops(const DecoderConfig& config, const AdapterTable& adapters,
                           const DecoderHow& how);

class Decoder {
 public:
  virtual ~Decoder() = default;

  virtual const DecoderConfig& config() const = 0;
  virtual const AdapterTable& adapters() const = 0;

  virtual void bind(const Arena& arena) = 0;
  // Reads and packs all frozen weights. Errors of the source.
  virtual void load(const DecoderWeights& weights, const ProgressSink& sink = {}) = 0;

  // The flat adapter (adapters().size() floats), which must outlive the decoder. Null: the base
  // model alone.
  virtual void set_adapter(const float* adapter) = 0;
  // After the adapter's values changed.
  virtual void adapter_changed() = 0;

  // Sum of weight * -log p(label) over step.labels, dropout off.
  virtual double loss(const SegmentedStep& step) = 0;
  // The same sum with dropout on (step.row_keys), times `scale`; d(scale * sum)/d(adapter) into
  // `gradients` (laid out as the adapter): = or += as `accumulate` says. Needs training.
  virtual double loss_and_gradients(const SegmentedStep& step, double scale, float* gradients,
                                    bool accumulate) = 0;
  // log p(label) of each of step.labels, in order. Dropout off.
  virtual void label_log_probabilities(const SegmentedStep& step, std::span<float> out) = 0;
  // Logits [step.labels.size(), vocabulary] of the label rows (labels are not looked at): for tests
  // and small checks. Dropout off.
  virtual void logits(const SegmentedStep& step, Matrix<float> out) = 0;
};

// Adds the decoder's tensors to `specs` (groups "frozen weights", "activations", ...).
// Errors E0614 (a shape the kernels cannot take), E0621.
std::unique_ptr<Decoder> make_decoder(const DecoderConfig& config, const DecoderLora& lora,
                                      const DecoderHow& how, const DecoderCapacity& capacity,
                                      TensorSpecs& specs);

}  // namespace gantry
