#include "weights/decoder_folder.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/threads.h"
#include "weights/folder_listing.h"
#include "weights/stored_type.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

// The GGUF file of a folder; empty: there is none.
fs::path only_gguf(const fs::path& folder) {
  std::vector<fs::path> found;
  std::string listed;
  for (const std::string& name : names_in(folder)) {
    if (!name.ends_with(".gguf")) continue;
    found.push_back(folder / name);
    listed += (listed.empty() ? "" : ", ") + name;
  }
  if (found.empty()) return {};
  if (found.size() > 1) {
    throw Error("E0413", folder.string() + ": holds several GGUF files: " + listed,
                "Give the one to open.");
  }
  return found[0];
}

fs::path safetensors_of(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (is_there(folder / name)) return folder / name;
  }
  const std::string pickle = name_ending(folder, {".bin", ".pt", ".pth"});
  throw Error("E0413",
              folder.string() + ": no model.safetensors or model.safetensors.index.json" +
                  (pickle.empty() ? "" : ", only " + pickle),
              "Copy the weights into the folder. Pickle files can run code when opened and are not "
              "read: save them as safetensors once, where transformers is installed.");
}

BlockType block_type_of_stored(StoredType type, const std::string& name, const fs::path& path) {
  switch (type) {
    case StoredType::f32:
      return BlockType::f32;
    case StoredType::f16:
      return BlockType::f16;
    case StoredType::bf16:
      return BlockType::bf16;
    default:
      throw Error(
          "E0405",
          path.string() + ": tensor '" + name + "' is stored as " + std::string(name_of(type)),
          "Convert the weights to F32, F16 or BF16.");
  }
}

DecoderTensor make_tensor(const std::string& name, const std::vector<int64_t>& shape,
                          BlockType type, std::span<const uint8_t> bytes) {
  DecoderTensor t;
  t.name = name;
  t.shape = shape.size() == 1 ? std::vector<int64_t>{1, shape[0]} : shape;
  t.type = type;
  t.data = bytes.data();
  t.row_bytes = t.cols() / block_elements(type) * block_bytes(type);
  return t;
}

}  // namespace

std::string gguf_tensor_name(const std::string& name) {
  if (name == "model.embed_tokens.weight") return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == "lm_head.weight") return "output.weight";
  constexpr std::string_view kLayers = "model.layers.";
  const size_t dot = name.find('.', kLayers.size());
  const std::string layer = name.substr(kLayers.size(), dot - kLayers.size());
  const std::string rest = name.substr(dot + 1);
  static const std::map<std::string, std::string> kNames = {
      {"input_layernorm.weight", "attn_norm.weight"},
      {"self_attn.q_proj.weight", "attn_q.weight"},
      {"self_attn.k_proj.weight", "attn_k.weight"},
      {"self_attn.v_proj.weight", "attn_v.weight"},
      {"self_attn.o_proj.weight", "attn_output.weight"},
      {"post_attention_layernorm.weight", "ffn_norm.weight"},
      {"mlp.gate_proj.weight", "ffn_gate.weight"},
      {"mlp.up_proj.weight", "ffn_up.weight"},
      {"mlp.down_proj.weight", "ffn_down.weight"}};
  return "blk." + layer + "." + kNames.at(rest);
}

DecoderFolder::DecoderFolder() = default;
DecoderFolder::DecoderFolder(DecoderFolder&&) noexcept = default;
DecoderFolder& DecoderFolder::operator=(DecoderFolder&&) noexcept = default;
DecoderFolder::~DecoderFolder() = default;

void DecoderFolder::add_safetensors() {
  safetensors_ = std::make_unique<Safetensors>(Safetensors::open(safetensors_of(folder_)));
  for (const DecoderTensorShape& wanted : decoder_tensors(config_)) {
    const StoredTensor* found = safetensors_->find(wanted.name);
    if (!found || (found->shape.size() != 1 && found->shape.size() != 2)) continue;
    tensors_.emplace(wanted.name, make_tensor(wanted.name, found->shape,
                                              block_type_of_stored(found->type, wanted.name, path_),
                                              safetensors_->bytes(wanted.name)));
  }
}

void DecoderFolder::add_gguf() {
  for (const DecoderTensorShape& wanted : decoder_tensors(config_)) {
    const GgufTensor* found = gguf_->find(gguf_tensor_name(wanted.name));
    if (!found || (found->shape.size() != 1 && found->shape.size() != 2)) continue;
    DecoderTensor t = make_tensor(wanted.name, found->shape, found->type, found->bytes);
    const bool rotated = wanted.name.ends_with("self_attn.q_proj.weight") ||
                         wanted.name.ends_with("self_attn.k_proj.weight");
    if (rotated) t.rotary_half = config_.head_size / 2;
    tensors_.emplace(wanted.name, std::move(t));
  }
}

DecoderFolder DecoderFolder::open(const fs::path& path) {
  DecoderFolder base;
  base.path_ = path;
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  if (!folder && !fs::is_regular_file(path, ignored)) {
    throw Error("E0413", path.string() + ": no such folder or GGUF file",
                "Give the folder or GGUF file of a model, or see `gantry model list`.");
  }
  base.folder_ = folder ? path : path.parent_path();
  const bool hugging_face = folder && is_there(path / "config.json");
  const fs::path gguf = hugging_face ? fs::path() : folder ? only_gguf(path) : path;
  if (const fs::path file = base.folder_ / "gantry.json"; is_there(file)) {
    base.about_ = parse_model_about(read_file(file), file.string());
  }
  if (base.about_.name.empty()) {
    const fs::path full = fs::absolute(path).lexically_normal();
    base.about_.name = folder
                           ? (full.has_filename() ? full : full.parent_path()).filename().string()
                           : path.stem().string();
  }
  base.about_.kind = "decoder";
  if (hugging_face) {
    base.config_ = read_decoder_config(path / "config.json");
    base.add_safetensors();
  } else if (!gguf.empty()) {
    base.gguf_ = std::make_unique<GgufFile>(GgufFile::open(gguf));
    base.config_ = decoder_config_of(*base.gguf_, gguf.string());
    base.add_gguf();
    base.gguf_path_ = gguf;
  } else {
    throw Error("E0413", path.string() + ": neither config.json nor a GGUF file",
                "Give a Hugging Face model folder or a GGUF file.");
  }
  return base;
}

bool DecoderFolder::is_decoder(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return path.extension() == ".gguf";
  if (!is_there(path / "config.json")) return !name_ending(path, {".gguf"}).empty();
  const auto config = nlohmann::json::parse(read_file(path / "config.json"), nullptr, false);
  if (!config.is_object() || !config.contains("model_type")) return false;
  const auto& type = config["model_type"];
  return type.is_string() && (type == "llama" || type == "mistral");
}

const DecoderTensor* DecoderFolder::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const DecoderTensor& DecoderFolder::tensor(std::string_view name) const {
  if (const DecoderTensor* found = find(name)) return *found;
  std::vector<std::string> names;
  for (const auto& [known, t] : tensors_) names.push_back(known);
  const std::string near = nearest_word(std::string(name), names);
  throw Error("E0403",
              path_.string() + ": no tensor '" + std::string(name) + "'" +
                  (near.empty() ? "" : "; the nearest is '" + near + "'"),
              "Check that config and weights come from the same model.");
}

std::vector<const DecoderTensor*> DecoderFolder::tensors() const {
  std::vector<const DecoderTensor*> all;
  for (const auto& [name, t] : tensors_) all.push_back(&t);
  return all;
}

void DecoderFolder::check() const {
  constexpr size_t kShown = 8;
  std::vector<std::string> wrong;
  for (const DecoderTensorShape& wanted : decoder_tensors(config_)) {
    const DecoderTensor* found = find(wanted.name);
    const std::vector<int64_t> shape =
        wanted.shape.size() == 1 ? std::vector<int64_t>{1, wanted.shape[0]} : wanted.shape;
    if (!found) {
      wrong.push_back(wanted.name + " is missing");
    } else if (found->shape != shape) {
      wrong.push_back(wanted.name + " is " + shape_text(found->shape) + ", not " +
                      shape_text(shape));
    }
  }
  if (wrong.empty()) return;
  std::string what = path_.string() + ": the weights do not fit the config: ";
  for (size_t i = 0; i < std::min(wrong.size(), kShown); ++i) what += (i ? "; " : "") + wrong[i];
  if (wrong.size() > kShown) what += "; and " + std::to_string(wrong.size() - kShown) + " more";
  throw Error("E0414", what, "Check that config and weights come from the same model.");
}

void DecoderFolder::read_rows_f32(std::string_view name, int64_t begin, int64_t end,
                                  std::span<float> out) const {
  const DecoderTensor& t = tensor(name);
  GANTRY_CHECK(begin >= 0 && begin <= end && end <= t.rows());
  GANTRY_CHECK(static_cast<int64_t>(out.size()) == (end - begin) * t.cols());
  std::atomic<bool> finite{true};
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 16) / std::max<int64_t>(t.cols(), 1));
  parallel_for(end - begin, grain, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const auto values =
          out.subspan(static_cast<size_t>(r * t.cols()), static_cast<size_t>(t.cols()));
      blocks_to_float(t.type, {t.row(begin + r), static_cast<size_t>(t.row_bytes)}, values);
      if (first_not_finite(values) >= 0) finite = false;
    }
  });
  if (!finite) {
    throw Error(
        "E0404",
        path_.string() + ": tensor '" + std::string(name) + "' holds a NaN or an infinite value",
        "The file is damaged or its quantisation failed: take another one.");
  }
}

void DecoderFolder::read_f32(std::string_view name, std::span<float> out) const {
  read_rows_f32(name, 0, tensor(name).rows(), out);
}

std::vector<float> DecoderFolder::read_f32(std::string_view name) const {
  const DecoderTensor& t = tensor(name);
  std::vector<float> values(static_cast<size_t>(t.rows() * t.cols()));
  read_f32(name, values);
  return values;
}

std::vector<fs::path> DecoderFolder::weight_files() const {
  return gguf_ ? std::vector<fs::path>{gguf_path_} : safetensors_->files();
}

std::string DecoderFolder::weights_hash() const {
  return gguf_ ? sha256_of_file(gguf_path_) : hash_of_files(safetensors_->files());
}

}  // namespace gantry
