// ParameterTable: where each weight of a classifier lies in one flat fp32 array, under which name
// it stands in a Hugging Face folder, and how the optimizer treats it.
//
// Parameters are ordered by depth (0 embeddings, 1 .. layers the blocks, layers + 1 the adapters,
// layers + 2 the head), and within a depth those with weight decay come first. What is frozen is
// therefore a prefix, and AdamW runs over few long ranges. Query, key and value are one matrix [3
// H, H].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "ops/pooling.h"
#include "weights/hf_config.h"

namespace gantry {

class ModelFolder;

struct HeadShape {
  int classes = 0;
  bool masked_words = false;  // a masked-language head instead of a classifier
  Pooling pooling = Pooling::kMean;
  bool pooler = false;  // the architecture's own, first-token pooling only
  WindowPooling window_pooling = WindowPooling::kMean;
};

struct LoraShape {
  int rank = 0;  // 0: none
  float alpha = 16;
  std::vector<std::string> targets;  // of lora_target_names()
};
// query, key, value, attention.output.dense, intermediate.dense, output.dense: the linear layers of
// a block, by the names PEFT users write.
std::span<const std::string> lora_target_names();

struct Parameter {
  std::string name;  // canonical; of a fused matrix the first of its pieces
  int64_t rows = 0, cols = 0;
  bool vector = false;  // shape is [rows]
  int64_t offset = 0;   // into the flat array, a multiple of 16
  int depth = 0;
  bool decays = false;
  std::vector<std::string> pieces;  // canonical names of equal row blocks
  int64_t elements() const { return rows * cols; }
};

// Offsets into the flat array.
struct LoraOffsets {
  int64_t a = -1, b = -1;  // [rank, in], [out, rank]; -1: no adapter here
};
struct BlockOffsets {
  int64_t qkv, qkv_bias, out, out_bias, norm1, norm1_bias, up, up_bias, down, down_bias, norm2,
      norm2_bias;
  LoraOffsets lora[6];  // in the order of lora_target_names()
};
struct EmbeddingOffsets {
  int64_t word, position, type, norm, norm_bias;
};
struct HeadOffsets {
  int64_t dense = -1, dense_bias = -1;  // the pooler, or the masked-language head's transform
  int64_t norm = -1, norm_bias = -1;    // of the transform
  // Masked words: the classifier is the word table, its bias has one entry a compact row.
  int64_t classifier = -1, classifier_bias = -1;
};

struct ParameterRange {
  int64_t begin, end;  // in the flat array
  int depth;
  bool decays;
};

class ParameterTable {
 public:
  // word_rows: rows of the (compact) word table.
  ParameterTable(const EncoderConfig& config, const HeadShape& head, const LoraShape& lora,
                 int64_t word_rows);

  const std::vector<Parameter>& all() const { return all_; }
  int64_t size() const { return size_; }  // floats in the flat array
  const EmbeddingOffsets& embedding() const { return embedding_; }
  const BlockOffsets& block(int64_t layer) const { return blocks_[static_cast<size_t>(layer)]; }
  const HeadOffsets& head() const { return head_; }
  int adapter_depth() const { return static_cast<int>(blocks_.size()) + 1; }
  int head_depth() const { return adapter_depth() + 1; }
  // First float of `depth`: everything before it can be frozen.
  int64_t depth_begin(int depth) const;
  std::vector<ParameterRange> ranges(int64_t from) const;

 private:
  int64_t add(std::string name, int64_t rows, int64_t cols, int depth, bool decays,
              std::vector<std::string> pieces = {});
  int64_t add_vector(std::string name, int64_t rows, int depth,
                     std::vector<std::string> pieces = {});
  void add_block(const EncoderConfig& config, int64_t layer);
  void add_head(const EncoderConfig& config, const HeadShape& head);
  void add_masked_words_head(const EncoderConfig& config, int64_t word_rows);
  void add_lora(const EncoderConfig& config, const LoraShape& lora, int64_t layer);

  std::vector<Parameter> all_;
  int64_t size_ = 0;
  EmbeddingOffsets embedding_{};
  std::vector<BlockOffsets> blocks_;
  HeadOffsets head_{};
};

// Fills `weights` (table.size() floats) with the folder's encoder. word_rows[i] is the row of the
// whole table that compact row i stands for. The pooler is read where the folder has it (and is
// drawn from `seed` where not); the classifier's weights are drawn from N(0, 0.02) by `seed`, its
// bias is 0, LoRA's A is drawn from U(+-1/sqrt(in)) and B is 0 (Hu et al. 2021, as PEFT).
void load_base_weights(const ModelFolder& base, const ParameterTable& table,
                       std::span<const int32_t> word_rows, uint64_t seed, float* weights);
// The same with pooler and classifier read from the folder too.
void load_classifier_weights(const ModelFolder& folder, const ParameterTable& table,
                             std::span<const int32_t> word_rows, float* weights);

}  // namespace gantry
