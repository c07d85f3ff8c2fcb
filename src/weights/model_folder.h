// An encoder as a Hugging Face folder: config.json, model.safetensors (or shards with
// model.safetensors.index.json), tokenizer files, and optionally gantry.json.
//
//   ModelFolder folder = ModelFolder::open(path);
//   folder.check();
//   std::vector<float> w = folder.read_f32("encoder.layer.0.attention.self.query.weight");
//
// Tensors are asked for by canonical name, which is what transformers' BertModel and RobertaModel
// use inside: "embeddings.word_embeddings.weight", "encoder.layer.3.output.LayerNorm.bias",
// "pooler.dense.weight", "classifier.weight", "classifier.dense.weight". Files may prefix them
// ("bert.", "roberta.", "model.") and may call LayerNorm's weight and bias gamma and beta.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/hf_config.h"
#include "weights/safetensors.h"

namespace gantry {

// What Gantry keeps beside a model, in gantry.json.
struct ModelAbout {
  std::string name;                          // "multilingual-e5-small"
  std::string kind = "encoder";              // "encoder" or "decoder"
  std::string prefix;                        // put before every text: "query: "
  std::string pooling;                       // "mean", "first" or "" (not said)
  std::string licence;                       // of the weights
  std::string source;                        // where they came from, in words
  std::map<std::string, std::string> files;  // file name -> SHA-256
};
ModelAbout parse_model_about(std::string_view json, std::string_view label);  // Error E0415
std::string model_about_json(const ModelAbout& about);

// The tensors an encoder of this shape must have, canonical names and shapes, without pooler and
// heads. All f32.
std::vector<StoredTensor> encoder_tensors(const EncoderConfig& config);

class SharedWords;

class ModelFolder {
 public:
  // Errors E0411, E0412 (config.json), E0413 (no folder, no weights, only pickle files),
  // E0401, E0402 (weights), E0415 (gantry.json), E0417 (its word table is another folder's).
  static ModelFolder open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return path_; }
  const std::string& name() const { return about_.name; }  // gantry.json's, else the folder's
  const EncoderConfig& config() const { return config_; }
  const ModelAbout& about() const { return about_; }
  const Safetensors& weights() const { return weights_; }
  // Whether the word table is another folder's but for some rows (weights/shared_words.h). Reading
  // hides it.
  bool shares_words() const { return shared_ != nullptr; }

  // Error E0414 listing every tensor that is missing or has another shape than config.json asks.
  void check() const;

  bool has(std::string_view canonical) const { return stored(canonical) != nullptr; }
  const StoredTensor* stored(std::string_view canonical) const;  // nullptr: not there
  bool has_pooler() const { return has("pooler.dense.weight"); }
  // BertForSequenceClassification's classifier.weight or RoBERTa's classifier.out_proj.weight.
  bool has_classifier() const;

  // Errors E0403, E0404 (see safetensors.h).
  std::vector<float> read_f32(std::string_view canonical) const;
  void read_f32(std::string_view canonical, std::span<float> out) const;
  void read_rows_f32(std::string_view canonical, std::span<const int32_t> rows,
                     std::span<float> out) const;

  std::vector<std::filesystem::path> tokenizer_files() const;  // those present, by name
  // SHA-256 over "<sha256 of file>  <file name>\n" of the weight (tokenizer) files by name: what
  // runs and reports quote. Computed on each call (reads the files).
  std::string weights_hash() const;
  std::string tokenizer_hash() const;

 private:
  ModelFolder(std::filesystem::path path, EncoderConfig config, ModelAbout about,
              Safetensors weights);

  std::filesystem::path path_;
  EncoderConfig config_;
  ModelAbout about_;
  Safetensors weights_;
  std::map<std::string, std::string, std::less<>> stored_names_;  // canonical -> in the file
  std::shared_ptr<const SharedWords> shared_;                     // where it shares its word table
};

// SHA-256 over "<sha256 of file>  <file name>\n" of files by name.
std::string hash_of_files(const std::vector<std::filesystem::path>& files);

// A name as a checkpoint has it -> canonical: "bert.embeddings.LayerNorm.gamma" ->
// "embeddings.LayerNorm.weight".
std::string canonical_tensor_name(std::string_view stored);

// Whether a file of this name belongs to an encoder folder: config.json, safetensors and index,
// tokenizer files.
bool is_model_file(std::string_view file_name);

// Copies a folder's files into a new folder; a word table that it shares is written out whole, so
// that the copy stands by itself. Errors E0102, E0416.
void copy_model_folder(const std::filesystem::path& from, const std::filesystem::path& to);

// A new encoder folder, made beside `path` and renamed into place when it is complete: after a
// crash there is the whole folder or none. Error E0102; E0416 when `path` exists.
struct EncoderFolderContents {
  std::string config_json;
  std::vector<StoredTensor> tensors;                       // as named in the file, in file order
  std::function<void(SafetensorsWriter&)> append_tensors;  // append() the values of all of them
  std::vector<std::filesystem::path> copied_files;         // tokenizer files of another folder
  std::vector<std::pair<std::string, std::string>> new_files;  // file name, content
  ModelAbout about;                                            // `files` is filled in by the writer
};
void write_encoder_folder(const std::filesystem::path& path, const EncoderFolderContents& contents);
// The same into an empty folder that exists, without the renaming.
void fill_encoder_folder(const std::filesystem::path& folder,
                         const EncoderFolderContents& contents);

}  // namespace gantry
