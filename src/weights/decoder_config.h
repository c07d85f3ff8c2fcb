// The shape of a causal language model of the LLaMA family: config.json of a Hugging Face folder
// (LlamaConfig, MistralConfig) or the metadata of a GGUF file.
//
//   DecoderConfig c = read_decoder_config("Llama-2-7b-hf/config.json");
//   DecoderConfig g = decoder_config_of(GgufFile::open("SmolLM2-135M-Instruct.Q4_1.gguf"), "...");
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

class GgufFile;

enum class DecoderFamily { llama, mistral };
const char* name_of(DecoderFamily family);  // "llama", "mistral"

// How rotary frequencies are stretched for texts longer than the model was trained on
// (transformers' modeling_rope_utils.py). `factors`: a GGUF file's rope_freqs.weight, which
// already holds the result: frequency i is divided by factors[i].
struct RopeScaling {
  enum class Kind { none, linear, dynamic, llama3, factors };
  Kind kind = Kind::none;
  double factor = 1;                // linear, dynamic, llama3
  double low_frequency_factor = 1;  // llama3
  double high_frequency_factor = 4;
  int64_t original_context = 0;  // llama3: positions before the stretching
  std::vector<float> factors;    // [head_size / 2]
};

struct DecoderConfig {
  DecoderFamily family = DecoderFamily::llama;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;   // divides heads
  int64_t head_size = 0;  // even; heads * head_size need not be hidden
  int64_t mlp = 0;
  int64_t vocabulary = 0;
  int64_t context = 0;  // longest text
  double rope_base = 10000;
  RopeScaling rope_scaling;
  double norm_eps = 1e-6;
  int64_t window = 0;  // a row at position i sees j with i - j < window; 0: everything before it
  bool tied = false;   // the LM head is the embedding
  int32_t bos_id = -1;
  std::vector<int32_t> eos_ids;  // often one; LLaMA-3-Instruct has three
  std::string json;              // config.json as read; "" from GGUF

  int64_t q_cols() const { return heads * head_size; }
  int64_t kv_cols() const { return kv_heads * head_size; }
  // Weights of the matrices of all blocks; those of the LM head (and of the embedding).
  int64_t block_weights() const {
    return layers * (hidden * (2 * q_cols() + 2 * kv_cols()) + 3 * hidden * mlp);
  }
  int64_t head_weights() const { return vocabulary * hidden; }
};

// A tensor a model of this shape must have, by its Hugging Face name.
struct DecoderTensorShape {
  std::string name;            // "model.layers.3.self_attn.q_proj.weight"
  std::vector<int64_t> shape;  // [out, in], or [hidden] of a norm
};
std::vector<DecoderTensorShape> decoder_tensors(const DecoderConfig& config);

// `label` stands for the file in Errors. Errors E0411 (not JSON, a value missing, of the wrong type
// or impossible), E0412 (an architecture, activation, bias or rope scaling that Gantry does not
// compute).
DecoderConfig parse_decoder_config(std::string_view json, std::string_view label);
DecoderConfig read_decoder_config(const std::filesystem::path& config_json);
// Errors E0443, E0411, E0412. Mistral files are llama.cpp's architecture "llama" too; a window is
// taken from llama.attention.sliding_window where the file has it.
DecoderConfig decoder_config_of(const GgufFile& file, std::string_view label);

}  // namespace gantry
