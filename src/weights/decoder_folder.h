// A causal language model on disk: a Hugging Face folder (config.json, model.safetensors or shards)
// or a GGUF file (given itself, or the only one of a folder). Both answer alike: tensors by Hugging
// Face name, rows in Hugging Face order (llama.cpp stores the rows of q and k in another order,
// which is undone here).
//
//   DecoderFolder base = DecoderFolder::open("models/smollm2-135m-instruct");
//   base.check();
//   std::vector<float> q = base.read_f32("model.layers.0.self_attn.q_proj.weight");
//   const DecoderTensor& t = base.tensor("model.layers.0.mlp.up_proj.weight");
//   blocks_to_float(t.type, {t.row(5), t.row_bytes}, row);  // one row as it is stored
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/block_types.h"
#include "weights/decoder_config.h"
#include "weights/gguf.h"
#include "weights/model_folder.h"
#include "weights/safetensors.h"

namespace gantry {

// A tensor as the file stores it: f32, f16, bf16 or ggml's blocks, mapped, read row by row.
struct DecoderTensor {
  std::string name;            // Hugging Face name
  std::vector<int64_t> shape;  // [rows, cols]; a vector is [1, n] here
  BlockType type = BlockType::f32;
  const uint8_t* data = nullptr;  // mapped; of stored row 0
  int64_t row_bytes = 0;
  int64_t rotary_half = 0;  // > 0: rows of each head of 2 rotary_half are interleaved in the file

  int64_t rows() const { return shape[0]; }
  int64_t cols() const { return shape[1]; }
  // Stored row of Hugging Face row r: llama.cpp puts rows j and j + half of a head side by side.
  int64_t stored_row(int64_t r) const {
    if (rotary_half == 0) return r;
    const int64_t size = 2 * rotary_half, within = r % size;
    return r - within + 2 * (within % rotary_half) + within / rotary_half;
  }
  const uint8_t* row(int64_t r) const { return data + stored_row(r) * row_bytes; }
};

// llama.cpp's name of a Hugging Face tensor: "blk.3.attn_q.weight".
std::string gguf_tensor_name(const std::string& name);

class DecoderFolder {
 public:
  // Errors E0411, E0412 (config.json), E0413 (nothing to open, several GGUF files, only pickle
  // files), E0401, E0402, E0405 (safetensors), E0441 - E0443 (GGUF), E0415 (gantry.json).
  static DecoderFolder open(const std::filesystem::path& folder_or_gguf);
  // Whether `path` looks like a decoder: config.json of a causal model, or a GGUF file.
  static bool is_decoder(const std::filesystem::path& path);

  DecoderFolder(DecoderFolder&&) noexcept;
  DecoderFolder& operator=(DecoderFolder&&) noexcept;
  ~DecoderFolder();

  const std::filesystem::path& path() const { return path_; }      // as given
  const std::filesystem::path& folder() const { return folder_; }  // where tokenizer files lie
  const std::string& name() const { return about_.name; }
  const ModelAbout& about() const { return about_; }
  const DecoderConfig& config() const { return config_; }
  const GgufFile* gguf() const { return gguf_.get(); }  // null: a Hugging Face folder
  const Safetensors* safetensors() const { return safetensors_.get(); }

  // Error E0414 listing every tensor that is missing or has another shape than the config asks.
  void check() const;

  const DecoderTensor* find(std::string_view name) const;    // nullptr: not there
  const DecoderTensor& tensor(std::string_view name) const;  // Error E0403
  std::vector<const DecoderTensor*> tensors() const;         // by name

  // All values, row-major. Errors E0403, E0404 (NaN or infinite).
  std::vector<float> read_f32(std::string_view name) const;
  void read_f32(std::string_view name, std::span<float> out) const;
  // Rows [begin, end).
  void read_rows_f32(std::string_view name, int64_t begin, int64_t end, std::span<float> out) const;

  // SHA-256 over "<sha256 of file>  <file name>\n" of the safetensors files by name; of a GGUF file
  // its own. What adapters and reports quote. Reads the files.
  std::string weights_hash() const;
  std::vector<std::filesystem::path> weight_files() const;

 private:
  DecoderFolder();
  void add_safetensors();
  void add_gguf();

  std::filesystem::path path_, folder_, gguf_path_;
  DecoderConfig config_;
  ModelAbout about_;
  std::unique_ptr<GgufFile> gguf_;
  std::unique_ptr<Safetensors> safetensors_;
  std::map<std::string, DecoderTensor, std::less<>> tensors_;
};

}  // namespace gantry
