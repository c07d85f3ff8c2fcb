// The weights of a causal language model as answering reads them: matrices as stored, mapped, or
// converted at load; norms as floats; a LoRA adapter beside them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/block_product.h"
#include "ops/frozen_linear.h"
#include "weights/decoder_folder.h"

namespace gantry {

struct PeftAdapter;

// A frozen matrix and what an adapter adds to it: y = x W^T + (x A^T) B^T, B with the adapter's
// scale in it; A and B in float32, packed.
struct AdaptedMatrix {
  BlockMatrix weight;
  int64_t rank = 0;  // 0: not adapted
  FrozenLinear b;    // [out, rank]
};

// Matrices that read the same rows; their A lie one below the other.
struct AdaptedGroup {
  std::vector<AdaptedMatrix> matrices;
  int64_t rank = 0;  // sum
  FrozenLinear a;    // [sum of ranks, in]
};

struct DecoderBlockWeights {
  std::vector<float> input_norm, mlp_norm;
  AdaptedGroup qkv, output, gate_up, down;
};

enum class MatrixForm { kStored, kInt8, kBf16, kFp32 };

// kInt8: GGUF's Q8_0, 32 weights of a row share a scale.
BlockType converted_type(BlockType stored, int64_t in, MatrixForm form);

class DecoderInferenceWeights {
 public:
  // `base` must outlive this: kStored matrices stay in its mapped files. `adapter` null: none; it
  // must fit (check_decoder_adapter). Errors E0403, E0404, E0414.
  DecoderInferenceWeights(const DecoderFolder& base, MatrixForm form, const PeftAdapter* adapter);
  DecoderInferenceWeights(DecoderInferenceWeights&&) noexcept;
  ~DecoderInferenceWeights();

  // Bytes that a form would copy, and that it would leave mapped, without reading weights.
  struct Bytes {
    int64_t mapped = 0, converted = 0;
  };
  static Bytes bytes(const DecoderFolder& base, MatrixForm form);

  const BlockMatrix& embedding() const;
  const BlockMatrix& head() const;
  const std::vector<float>& final_norm() const;
  const std::vector<DecoderBlockWeights>& blocks() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry
