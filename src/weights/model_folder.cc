#include "weights/model_folder.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/sha256.h"
#include "weights/folder_listing.h"
#include "weights/fresh_folder.h"
#include "weights/shared_words.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array kTokenizerFiles = {
    "added_tokens.json", "merges.txt",     "sentencepiece.bpe.model", "special_tokens_map.json",
    "spiece.model",      "tokenizer.json", "tokenizer.model",         "tokenizer_config.json",
    "vocab.json",        "vocab.txt"};

const char* const kHowToConvert =
    "Pickle files can run code when opened and are not read. Convert them once, where transformers "
    "is installed: python3 -c \"from transformers import AutoModel; "
    "AutoModel.from_pretrained('FOLDER').save_pretrained('NEW_FOLDER')\", and copy the tokenizer "
    "files too.";

fs::path weights_file(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (is_there(folder / name)) return folder / name;
  }
  if (const auto pickle =
          name_ending(folder, {".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".pkl"});
      !pickle.empty()) {
    throw Error("E0413", folder.string() + ": holds no safetensors, only " + pickle, kHowToConvert);
  }
  throw Error("E0413", folder.string() + ": no model.safetensors or model.safetensors.index.json",
              "Copy the weights into the folder.");
}

void require_encoder_folder(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    throw Error("E0413", folder.string() + ": no such folder",
                "Give the folder of a model, or see `gantry model list`.");
  }
  if (is_there(folder / "config.json")) return;
  if (const auto gguf = name_ending(folder, {".gguf"}); !gguf.empty()) {
    throw Error("E0413", folder.string() + ": " + gguf + " is a decoder, not an encoder",
                "Choose an encoder: see `gantry model list`.");
  }
  throw Error("E0413", folder.string() + ": no config.json",
              "Give a Hugging Face model folder (config.json, model.safetensors and tokenizer "
              "files).");
}

}  // namespace

std::string hash_of_files(const std::vector<fs::path>& files) {
  std::vector<std::pair<std::string, fs::path>> by_name;
  for (const fs::path& file : files) by_name.emplace_back(file.filename().string(), file);
  std::sort(by_name.begin(), by_name.end());
  std::string list;
  for (const auto& [name, file] : by_name) list += sha256_of_file(file) + "  " + name + "\n";
  return sha256_hex(list);
}

ModelAbout parse_model_about(std::string_view text, std::string_view label) {
  const auto refuse = [&](const std::string& what) {
    throw Error("E0415", std::string(label) + ": " + what,
                "Delete gantry.json (Gantry then asks for pooling and prefix in study.toml), or "
                "get the model again.");
  };
  json parsed;
  try {
    parsed = json::parse(text);
  } catch (const json::exception&) {
    refuse("not valid JSON");
  }
  if (!parsed.is_object()) refuse("not a JSON object");
  ModelAbout about;
  const auto take = [&](const char* key, std::string& into) {
    const auto found = parsed.find(key);
    if (found == parsed.end()) return;
    if (!found->is_string()) refuse(std::string(key) + " is not a string");
    into = found->get<std::string>();
  };
  take("name", about.name);
  take("kind", about.kind);
  take("prefix", about.prefix);
  take("pooling", about.pooling);
  take("licence", about.licence);
  take("source", about.source);
  if (about.pooling != "" && about.pooling != "mean" && about.pooling != "first") {
    refuse("pooling is neither mean nor first");
  }
  if (about.kind != "encoder" && about.kind != "decoder") {
    refuse("kind is neither encoder nor decoder");
  }
  if (const auto files = parsed.find("files"); files != parsed.end()) {
    if (!files->is_object()) refuse("files is not an object");
    for (const auto& [name, hash] : files->items()) {
      if (!hash.is_string() || fs::path(name).filename() != name) {
        refuse("files does not list file names and SHA-256 sums");
      }
      about.files[name] = hash.get<std::string>();
    }
  }
  return about;
}

std::string model_about_json(const ModelAbout& about) {
  const nlohmann::ordered_json out = {{"name", about.name},       {"kind", about.kind},
                                      {"prefix", about.prefix},   {"pooling", about.pooling},
                                      {"licence", about.licence}, {"source", about.source},
                                      {"files", about.files}};
  return out.dump(2) + "\n";
}

std::vector<StoredTensor> encoder_tensors(const EncoderConfig& config) {
  const int64_t h = config.hidden_size, m = config.intermediate_size;
  std::vector<StoredTensor> tensors;
  const auto add = [&](std::string name, std::vector<int64_t> shape) {
    tensors.push_back({std::move(name), StoredType::f32, std::move(shape)});
  };
  const auto add_linear = [&](const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  const auto add_norm = [&](const std::string& name) {
    add(name + ".weight", {h});
    add(name + ".bias", {h});
  };
  add("embeddings.word_embeddings.weight", {config.vocab_size, h});
  add("embeddings.position_embeddings.weight", {config.max_position_embeddings, h});
  add("embeddings.token_type_embeddings.weight", {config.type_vocab_size, h});
  add_norm("embeddings.LayerNorm");
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const std::string layer = "encoder.layer." + std::to_string(l) + ".";
    add_linear(layer + "attention.self.query", h, h);
    add_linear(layer + "attention.self.key", h, h);
    add_linear(layer + "attention.self.value", h, h);
    add_linear(layer + "attention.output.dense", h, h);
    add_norm(layer + "attention.output.LayerNorm");
    add_linear(layer + "intermediate.dense", m, h);
    add_linear(layer + "output.dense", h, m);
    add_norm(layer + "output.LayerNorm");
  }
  return tensors;
}

std::string canonical_tensor_name(std::string_view stored) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (std::string_view prefix : {"module.", "model.", "bert.", "roberta."}) {
      if (stored.starts_with(prefix)) {
        stored.remove_prefix(prefix.size());
        stripped = true;
      }
    }
  }
  std::string name(stored);
  // Checkpoints converted from TensorFlow keep its names.
  if (name.ends_with("LayerNorm.gamma")) name.replace(name.size() - 5, 5, "weight");
  if (name.ends_with("LayerNorm.beta")) name.replace(name.size() - 4, 4, "bias");
  return name;
}

ModelFolder::ModelFolder(fs::path path, EncoderConfig config, ModelAbout about, Safetensors weights)
    : path_(std::move(path)),
      config_(std::move(config)),
      about_(std::move(about)),
      weights_(std::move(weights)) {
  for (const StoredTensor& tensor : weights_.tensors()) {
    const auto [place, is_new] =
        stored_names_.emplace(canonical_tensor_name(tensor.name), tensor.name);
    if (!is_new) {
      throw Error("E0402",
                  path_.string() + ": '" + place->second + "' and '" + tensor.name +
                      "' are both the tensor " + place->first,
                  "Keep the weights of one model only.");
    }
  }
  if (!is_there(path_ / kWordRowsFile)) return;
  const auto own = stored_names_.find(kWordRowsTensor);
  shared_ = std::make_shared<SharedWords>(
      path_, own == stored_names_.end() ? nullptr : weights_.find(own->second));
}

ModelFolder ModelFolder::open(const fs::path& folder) {
  require_encoder_folder(folder);
  EncoderConfig config = read_encoder_config(folder / "config.json");
  ModelAbout about;
  if (const fs::path file = folder / "gantry.json"; is_there(file)) {
    about = parse_model_about(read_file(file), file.string());
  }
  if (about.name.empty()) {
    const fs::path full = fs::absolute(folder).lexically_normal();
    about.name = (full.has_filename() ? full : full.parent_path()).filename().string();
  }
  return {folder, std::move(config), std::move(about), Safetensors::open(weights_file(folder))};
}

const StoredTensor* ModelFolder::stored(std::string_view canonical) const {
  if (shared_ && canonical == kWordTable) return &shared_->table();
  const auto found = stored_names_.find(canonical);
  return found == stored_names_.end() ? nullptr : weights_.find(found->second);
}

void ModelFolder::check() const {
  constexpr size_t kShown = 8;
  std::vector<std::string> wrong;
  for (const StoredTensor& expected : encoder_tensors(config_)) {
    const StoredTensor* found = stored(expected.name);
    if (!found) {
      wrong.push_back(expected.name + " is missing");
    } else if (found->shape != expected.shape) {
      wrong.push_back(expected.name + " is " + shape_text(found->shape) + ", not " +
                      shape_text(expected.shape));
    } else if (!is_floating_point(found->type)) {
      wrong.push_back(expected.name + " is stored as " + std::string(name_of(found->type)));
    }
  }
  if (wrong.empty()) return;
  std::string what = path_.string() + ": the weights do not fit config.json: ";
  for (size_t i = 0; i < std::min(wrong.size(), kShown); ++i) what += (i ? "; " : "") + wrong[i];
  if (wrong.size() > kShown) what += "; and " + std::to_string(wrong.size() - kShown) + " more";
  throw Error("E0414", what, "Check that config.json and the weights come from the same model.");
}

bool ModelFolder::has_classifier() const {
  return has("classifier.weight") || has("classifier.out_proj.weight");
}

std::vector<float> ModelFolder::read_f32(std::string_view canonical) const {
  const StoredTensor* tensor = stored(canonical);
  if (shared_ && canonical == kWordTable) {
    std::vector<float> out(static_cast<size_t>(tensor->elements()));
    read_f32(canonical, out);
    return out;
  }
  return weights_.read_f32(tensor ? std::string_view(tensor->name) : canonical);
}

void ModelFolder::read_f32(std::string_view canonical, std::span<float> out) const {
  const StoredTensor* tensor = stored(canonical);
  if (shared_ && canonical == kWordTable) {
    std::vector<int32_t> all(static_cast<size_t>(tensor->shape[0]));
    std::iota(all.begin(), all.end(), 0);
    read_rows_f32(canonical, all, out);
    return;
  }
  weights_.read_f32(tensor ? std::string_view(tensor->name) : canonical, out);
}

void ModelFolder::read_rows_f32(std::string_view canonical, std::span<const int32_t> rows,
                                std::span<float> out) const {
  if (shared_ && canonical == kWordTable) {
    shared_->read(weights_, stored_names_.at(kWordRowsTensor), rows, out);
    return;
  }
  const StoredTensor* tensor = stored(canonical);
  weights_.read_rows_f32(tensor ? std::string_view(tensor->name) : canonical, rows, out);
}

std::vector<fs::path> ModelFolder::tokenizer_files() const {
  std::vector<fs::path> files;
  for (const char* name : kTokenizerFiles) {
    if (is_there(path_ / name)) files.push_back(path_ / name);
  }
  return files;
}

std::string ModelFolder::weights_hash() const {
  std::vector<fs::path> files = weights_.files();
  if (shared_) {
    files.push_back(path_ / kWordRowsFile);
    files.insert(files.end(), shared_->files().begin(), shared_->files().end());
  }
  return hash_of_files(files);
}
std::string ModelFolder::tokenizer_hash() const { return hash_of_files(tokenizer_files()); }

bool is_model_file(std::string_view file_name) {
  return file_name == "config.json" || file_name == "model.safetensors.index.json" ||
         file_name == kWordRowsFile || file_name.ends_with(".safetensors") ||
         std::find(kTokenizerFiles.begin(), kTokenizerFiles.end(), file_name) !=
             kTokenizerFiles.end();
}

void fill_encoder_folder(const fs::path& folder, const EncoderFolderContents& contents) {
  ModelAbout about = contents.about;
  about.files.clear();
  const auto record = [&](const std::string& name) {
    about.files[name] = sha256_of_file(folder / name);
  };
  write_file_atomically(folder / "config.json", contents.config_json);
  record("config.json");
  {
    SafetensorsWriter writer(folder / "model.safetensors", contents.tensors);
    contents.append_tensors(writer);
    writer.commit();
  }
  record("model.safetensors");
  for (const fs::path& file : contents.copied_files) {
    copy_file_synced(file, folder / file.filename());
    record(file.filename().string());
  }
  for (const auto& [name, bytes] : contents.new_files) {
    write_file_atomically(folder / name, bytes);
    record(name);
  }
  write_file_atomically(folder / "gantry.json", model_about_json(about));
}

namespace {

// The weights of a folder that shares its word table, with the whole table in them.
void write_whole_weights(const ModelFolder& folder, const fs::path& file) {
  constexpr int64_t kRowsAtOnce = 8192;
  std::vector<StoredTensor> tensors = folder.weights().tensors();
  for (StoredTensor& tensor : tensors)
    if (canonical_tensor_name(tensor.name) == kWordRowsTensor) {
      const StoredTensor* table = folder.stored(kWordTable);
      tensor.name.replace(tensor.name.size() - std::string_view(kWordRowsTensor).size(),
                          std::string::npos, kWordTable);
      tensor.shape = table->shape;
    }
  SafetensorsWriter writer(file, tensors);
  for (const StoredTensor& tensor : tensors) {
    const std::string canonical = canonical_tensor_name(tensor.name);
    if (canonical != kWordTable) {
      writer.append(folder.read_f32(canonical));
      continue;
    }
    std::vector<int32_t> rows;
    std::vector<float> values;
    for (int64_t begin = 0; begin < tensor.shape[0]; begin += kRowsAtOnce) {
      rows.resize(static_cast<size_t>(std::min(kRowsAtOnce, tensor.shape[0] - begin)));
      std::iota(rows.begin(), rows.end(), static_cast<int32_t>(begin));
      values.resize(rows.size() * static_cast<size_t>(tensor.shape[1]));
      folder.read_rows_f32(kWordTable, rows, values);
      writer.append(values);
    }
  }
  writer.commit();
}

}  // namespace

void copy_model_folder(const fs::path& from, const fs::path& to) {
  FreshFolder fresh(to);
  const ModelFolder folder = ModelFolder::open(from);
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const fs::path name = entry.path().lexically_relative(from);
    if (entry.is_directory())
      make_private_folder(fresh.path() / name);
    else if (!folder.shares_words() ||
             (name != kWordRowsFile && name != "model.safetensors" && name != "gantry.json"))
      copy_file_synced(entry.path(), fresh.path() / name);
  }
  if (folder.shares_words()) {
    write_whole_weights(folder, fresh.path() / "model.safetensors");
    ModelAbout about = folder.about();
    about.files.erase(kWordRowsFile);
    about.files["model.safetensors"] = sha256_of_file(fresh.path() / "model.safetensors");
    write_file_atomically(fresh.path() / "gantry.json", model_about_json(about));
  }
  fresh.commit();
}

void write_encoder_folder(const fs::path& path, const EncoderFolderContents& contents) {
  FreshFolder folder(path);
  fill_encoder_folder(folder.path(), contents);
  folder.commit();
}

}  // namespace gantry
