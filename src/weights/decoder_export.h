// A causal language model written out, with an adapter merged into it where one is given: as a
// Hugging Face folder or as a GGUF file. Sums are in fp32 and rounded once, when stored.
//
//   const MergedDecoder merged(base, &adapter);
//   write_decoder_folder(merged, StoredType::bf16, "tuned", "tuned", sink);
//   write_decoder_gguf(merged, BlockType::q8_0, "tuned.gguf", "tuned", sink);
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/progress.h"
#include "weights/block_types.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_folder.h"
#include "weights/stored_type.h"

namespace gantry {

// W + scale * B A, row by row. Both must outlive it; `adapter` may be null.
class MergedDecoder {
 public:
  // Errors E0433, E0434 (see decoder_adapter.h).
  MergedDecoder(const DecoderFolder& base, const DecoderAdapter* adapter);

  const DecoderFolder& base() const { return base_; }
  const DecoderConfig& config() const { return base_.config(); }
  const DecoderAdapter* adapter() const { return adapter_; }
  // Rows [begin, end) of a tensor of decoder_tensors(), in Hugging Face's order.
  void rows(const std::string& name, int64_t begin, int64_t end, std::span<float> out) const;

 private:
  const DecoderFolder& base_;
  const DecoderAdapter* adapter_;
  std::map<std::string, const LoraModule*> modules_;  // by the name of the weight
};

// config.json of transformers' LlamaForCausalLM or MistralForCausalLM.
std::string hugging_face_config(const DecoderConfig& config, StoredType type);

// f32, f16 or bf16; tokenizer files are copied, or made of what a GGUF carries. Returns the
// folder's weights hash. Errors E0416 (the folder exists), E0102, E0402 (not finite as `type`).
std::string write_decoder_folder(const MergedDecoder& model, StoredType type,
                                 const std::filesystem::path& folder, const std::string& name,
                                 const ProgressSink& sink = {});

struct GgufExport {
  int64_t as_f16 = 0;  // matrices whose rows are no multiple of the block
  int64_t bytes = 0;   // of the file
  std::string remark;  // what llama.cpp does not compute of this model; "" = nothing
};
// f32, f16, bf16, q8_0 or q4_0 (norms stay f32, the embedding and head of q4_0 are q8_0), with
// metadata and tokenizer in it. Errors E0416, E0102, E0444 (a shape or tokenizer that a GGUF file
// of llama.cpp cannot say).
GgufExport write_decoder_gguf(const MergedDecoder& model, BlockType type,
                              const std::filesystem::path& file, const std::string& name,
                              const ProgressSink& sink = {});

}  // namespace gantry
