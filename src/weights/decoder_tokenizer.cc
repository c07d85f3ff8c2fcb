#include "weights/decoder_tokenizer.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "weights/decoder_folder.h"
#include "weights/gguf.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDecoderTokenizerFiles[] = {"tokenizer.json", "tokenizer.model",
                                                  "vocab.json"};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

int32_t special(const GgufFile& file, const char* key, size_t tokens, const std::string& label) {
  const std::string name = std::string("tokenizer.ggml.") + key;
  if (!file.has(name)) return -1;
  const int64_t id = file.integer(name);
  if (id == 0xFFFFFFFF) return -1;  // llama.cpp's "none"
  if (id < 0 || id >= static_cast<int64_t>(tokens))
    throw Error("E0324",
                label + ": " + name + " is " + std::to_string(id) + " of " +
                    std::to_string(tokens) + " tokens",
                "The file is damaged: get it again.");
  return static_cast<int32_t>(id);
}

std::optional<bool> flag(const GgufFile& file, const char* key, const std::string& label) {
  const auto found = file.metadata().find(std::string("tokenizer.ggml.") + key);
  if (found == file.metadata().end()) return std::nullopt;
  if (const bool* value = std::get_if<bool>(&found->second)) return *value;
  throw Error("E0443", label + ": tokenizer.ggml." + key + " is not true or false",
              "The file is damaged: get it again.");
}

std::string charsmap_of(const GgufFile& file) {
  const std::string key = "tokenizer.ggml.precompiled_charsmap";
  std::string bytes;
  if (!file.has(key)) return bytes;
  for (int64_t value : file.integers(key)) bytes += static_cast<char>(value);
  return bytes;
}

}  // namespace

GgufVocabulary gguf_vocabulary(const GgufFile& file, const std::string& label) {
  const auto name = [](const char* key) { return std::string("tokenizer.ggml.") + key; };
  GgufVocabulary v;
  v.model = file.text(name("model"));
  v.pre = file.has(name("pre")) ? file.text(name("pre")) : "default";
  v.tokens = file.texts(name("tokens"));
  if (file.has(name("scores"))) {
    const std::vector<double>& scores = file.numbers(name("scores"));
    v.scores.assign(scores.begin(), scores.end());
  }
  if (file.has(name("token_type"))) {
    for (int64_t kind : file.integers(name("token_type")))
      v.kinds.push_back(kind < 0 || kind > 255 ? 0 : static_cast<int32_t>(kind));
  }
  if (file.has(name("merges"))) v.merges = file.texts(name("merges"));
  const auto id = [&](const char* key) { return special(file, key, v.tokens.size(), label); };
  const bool bert = v.model == "bert";
  v.begin = id(bert ? "cls_token_id" : "bos_token_id");
  // "seperator" is how llama.cpp spells it.
  v.end = id(bert ? "seperator_token_id" : "eos_token_id");
  v.unk = id("unknown_token_id");
  v.pad = id("padding_token_id");
  v.mask = id("mask_token_id");
  v.add_begin = flag(file, "add_bos_token", label);
  v.add_end = flag(file, "add_eos_token", label);
  v.add_space_prefix = flag(file, "add_space_prefix", label);
  v.remove_extra_spaces = flag(file, "remove_extra_whitespaces", label);
  v.charsmap = charsmap_of(file);
  return v;
}

std::unique_ptr<Tokenizer> open_decoder_tokenizer(const DecoderFolder& base) {
  std::unique_ptr<Tokenizer> tokenizer;
  for (const char* file : kDecoderTokenizerFiles)
    if (!tokenizer && is_file(base.folder() / file)) tokenizer = Tokenizer::open(base.folder());
  if (!tokenizer && base.gguf() && base.gguf()->has("tokenizer.ggml.model"))
    tokenizer = open_gguf_tokenizer(gguf_vocabulary(*base.gguf(), base.path().string()),
                                    base.path().string());
  if (!tokenizer)
    throw Error("E0320", base.path().string() + ": no tokenizer, neither as a file nor in a GGUF",
                "Put the base model's tokenizer.json or tokenizer.model into its folder.");
  tokenizer->check_fits(base.config().vocabulary);
  return tokenizer;
}

std::string chat_template_text(const DecoderFolder& base) {
  const fs::path config = base.folder() / "tokenizer_config.json";
  if (is_file(config)) {
    const nlohmann::json json = nlohmann::json::parse(read_file(config), nullptr, false);
    if (json.is_object() && json.contains("chat_template")) {
      const nlohmann::json& own = json["chat_template"];
      if (own.is_string()) return own.get<std::string>();
      for (const nlohmann::json& one : own.is_array() ? own : nlohmann::json::array())
        if (one.is_object() && one.value("name", "") == "default") return one.value("template", "");
    }
  }
  if (is_file(base.folder() / "chat_template.jinja"))
    return read_file(base.folder() / "chat_template.jinja");
  if (base.gguf() && base.gguf()->has("tokenizer.chat_template"))
    return base.gguf()->text("tokenizer.chat_template");
  return {};
}

}  // namespace gantry
