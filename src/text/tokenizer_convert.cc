#include "text/tokenizer_convert.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "text/bpe.h"
#include "text/sentencepiece.h"
#include "text/vocabulary.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int32_t kControl = 3, kUserDefined = 4, kByte = 6, kNormal = 1, kUnknown = 2, kUnused = 5;

[[noreturn]] void unknown(const std::string& where, const std::string& what) {
  throw Error("E0321", where + ": " + what + " is not known to this version of Gantry",
              "Use another base model, or report the component's name.");
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

json read_object(const fs::path& path) {
  if (!is_file(path)) return json::object();
  json value = json::parse(read_file(path), nullptr, false);
  if (value.is_object()) return value;
  throw Error("E0322", path.string() + ": not a JSON object",
              "The file is damaged or cut short: get it again.");
}

// ---- GGUF's lists into files ----

json added_token(int32_t id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

json split(const std::string& pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

// What stands before and behind a text.
json post_processor(const GgufVocabulary& v, bool begins) {
  if (!begins || v.begin < 0) return nullptr;
  const std::string& token = v.tokens[static_cast<size_t>(v.begin)];
  const json special = {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json more = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"type", "TemplateProcessing"},
          {"single", {special, text}},
          {"pair", {special, text, more}},
          {"special_tokens", {{token, {{"id", token}, {"ids", {v.begin}}, {"tokens", {token}}}}}}};
}

std::string byte_level_json(const GgufVocabulary& v, const std::string& name) {
  const GgufPreTokenizer pre = gguf_pre_tokenizer(v.pre, name);
  json steps = json::array();
  if (pre.single_digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (!pre.pattern.empty()) steps.push_back(split(pre.pattern));
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", v.add_space_prefix.value_or(false)},
                   {"trim_offsets", true},
                   {"use_regex", pre.pattern.empty()}});
  json added = json::array(), vocabulary = json::object(), merges = json::array();
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    vocabulary[v.tokens[i]] = i;
    const int32_t kind = v.kinds.empty() ? kNormal : v.kinds[i];
    if (kind == kControl || kind == kUserDefined)
      added.push_back(added_token(static_cast<int32_t>(i), v.tokens[i], kind == kControl));
  }
  for (const std::string& merge : v.merges) {
    const size_t space = merge.find(' ', 1);
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  const json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
                     {"post_processor", post_processor(v, v.add_begin.value_or(pre.begins))},
                     {"decoder",
                      {{"type", "ByteLevel"},
                       {"add_prefix_space", true},
                       {"trim_offsets", true},
                       {"use_regex", true}}},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", pre.ignore_merges},
                       {"vocab", vocabulary},
                       {"merges", merges}}}};
  return file.dump();
}

// The protocol buffers wire format, as far as a SentencePiece model needs it.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_number(std::string& out, uint32_t field, uint64_t value) {
  put_varint(out, field << 3);
  put_varint(out, value);
}
void put_float(std::string& out, uint32_t field, float value) {
  put_varint(out, field << 3 | 5);
  char raw[4];
  std::memcpy(raw, &value, 4);
  out.append(raw, 4);
}
void put_bytes(std::string& out, uint32_t field, const std::string& value) {
  put_varint(out, field << 3 | 2);
  put_varint(out, value.size());
  out += value;
}

std::string sentencepiece_file(const GgufVocabulary& v) {
  std::string out, trainer, normalizer;
  bool bytes = false;
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    std::string piece;
    put_bytes(piece, 1, v.tokens[i]);
    put_float(piece, 2, v.scores[i]);
    put_number(piece, 3, static_cast<uint64_t>(v.kinds[i]));
    put_bytes(out, 1, piece);
    bytes = bytes || v.kinds[i] == kByte;
  }
  const auto piece_of = [&](int32_t id, const char* otherwise) {
    return id < 0 ? std::string(otherwise) : v.tokens[static_cast<size_t>(id)];
  };
  put_number(trainer, 3, SentencePieceModel::kBpe);
  put_number(trainer, 4, v.tokens.size());
  put_number(trainer, 35, bytes ? 1 : 0);
  put_number(trainer, 40, static_cast<uint64_t>(std::max(v.unk, 0)));
  if (v.begin >= 0) put_number(trainer, 41, static_cast<uint64_t>(v.begin));
  if (v.end >= 0) put_number(trainer, 42, static_cast<uint64_t>(v.end));
  put_number(trainer, 43, static_cast<uint64_t>(static_cast<int64_t>(v.pad)));
  put_bytes(trainer, 45, piece_of(v.unk, "<unk>"));
  put_bytes(trainer, 46, piece_of(v.begin, "<s>"));
  put_bytes(trainer, 47, piece_of(v.end, "</s>"));
  put_bytes(normalizer, 1, v.charsmap.empty() ? "identity" : "given");
  put_bytes(normalizer, 2, v.charsmap);
  put_number(normalizer, 3, v.add_space_prefix.value_or(true) ? 1 : 0);
  put_number(normalizer, 4, v.remove_extra_spaces.value_or(false) ? 1 : 0);
  put_number(normalizer, 5, 1);
  put_bytes(out, 2, trainer);
  put_bytes(out, 3, normalizer);
  return out;
}

// ---- files into GGUF's lists ----

GgufVocabulary from_sentencepiece(const fs::path& file) {
  const SentencePieceModel model = read_sentencepiece_model(read_file(file), file.string());
  if (model.type != SentencePieceModel::kBpe)
    unknown(file.string(), "a Unigram model as the tokenizer of a causal model");
  GgufVocabulary v;
  v.model = "llama";
  v.pre = "default";
  v.charsmap = model.charsmap;
  v.add_space_prefix = model.dummy_prefix;
  v.remove_extra_spaces = model.remove_extra_spaces;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePiecePiece& piece = model.pieces[i];
    v.tokens.push_back(piece.text);
    v.scores.push_back(piece.score);
    v.kinds.push_back(static_cast<int32_t>(piece.kind));
    const auto id = static_cast<int32_t>(i);
    if (piece.kind == SentencePieceKind::kUnknown) v.unk = id;
    if (piece.text == model.bos) v.begin = id;
    if (piece.text == model.eos) v.end = id;
  }
  return v;
}

// llama.cpp's name of the pre-tokenizer that tokenizer.json describes.
std::string pre_of(const json& given, const std::string& where) {
  std::vector<json> steps;
  if (given.is_object() && given.value("type", "") == "Sequence")
    steps.assign(given["pretokenizers"].begin(), given["pretokenizers"].end());
  else
    steps.push_back(given);
  bool single_digits = false;
  std::string pattern;
  for (const json& step : steps) {
    const std::string type = step.is_object() ? step.value("type", "") : "";
    if (type == "ByteLevel") continue;
    if (type == "Digits" && step.value("individual_digits", false))
      single_digits = true;
    else if (type == "Split" && step.contains("pattern") && step["pattern"].contains("Regex"))
      pattern = step["pattern"]["Regex"].get<std::string>();
    else
      unknown(where, "llama.cpp's name for the pre-tokenizer " + step.dump().substr(0, 200));
  }
  for (const std::string& name : known_gguf_pre_tokenizers()) {
    const GgufPreTokenizer known = gguf_pre_tokenizer(name, where);
    if (known.single_digits == single_digits && known.pattern == pattern) return name;
  }
  unknown(where, "llama.cpp's name for the pre-tokenizer pattern " + pattern.substr(0, 200));
}

std::string merge_text(const json& merge) {
  if (merge.is_string()) return merge.get<std::string>();
  return merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>();
}

bool is_byte_piece(const std::string& piece) {
  return piece.size() == 6 && piece.starts_with("<0x") && piece.ends_with('>');
}

GgufVocabulary from_tokenizer_json(const fs::path& file) {
  const json root = read_object(file);
  const std::string where = file.string();
  GgufVocabulary v;
  try {
    const json& model = root.at("model");
    if (model.value("type", "BPE") != "BPE") unknown(where, "a tokenizer that is not BPE");
    const bool fallback = model.value("byte_fallback", false);
    std::map<int64_t, std::string> pieces;
    for (const auto& [piece, id] : model.at("vocab").items()) pieces[id.get<int64_t>()] = piece;
    std::map<int64_t, bool> added;  // id -> special
    for (const json& token : root.value("added_tokens", json::array())) {
      const int64_t id = token.at("id");
      pieces[id] = token.at("content");
      added[id] = token.value("special", false);
    }
    if (pieces.empty() || pieces.rbegin()->first > Vocabulary::kLargestId)
      throw Error("E0323", where + ": its ids are out of range", "Get the file again.");
    v.model = fallback ? "llama" : "gpt2";
    v.pre = fallback ? "default" : pre_of(root.value("pre_tokenizer", json()), where);
    for (int64_t id = 0; id <= pieces.rbegin()->first; ++id) {
      const auto found = pieces.find(id);
      const auto marked = added.find(id);
      v.tokens.push_back(found == pieces.end() ? "[PAD" + std::to_string(id) + "]" : found->second);
      // Of a list of merges only their order is left: pieces are numbered in it.
      v.scores.push_back(static_cast<float>(-id));
      v.kinds.push_back(found == pieces.end()                  ? kUnused
                        : marked == added.end()                ? kNormal
                        : fallback && found->second == "<unk>" ? kUnknown
                        : marked->second                       ? kControl
                                                               : kUserDefined);
      if (fallback && is_byte_piece(v.tokens.back())) v.kinds.back() = kByte;
      if (v.kinds.back() == kUnknown) v.unk = static_cast<int32_t>(id);
    }
    if (!fallback) {
      v.scores.clear();
      for (const json& merge : model.at("merges")) v.merges.push_back(merge_text(merge));
    }
  } catch (const json::exception& error) {
    throw Error("E0323", where + ": " + error.what(), "The tokenizer file is damaged.");
  }
  return v;
}

int32_t named(const GgufVocabulary& v, const json& config, const char* field) {
  const auto found = config.find(field);
  if (found == config.end()) return -1;
  std::string token;
  if (found->is_string()) token = found->get<std::string>();
  if (found->is_object()) token = found->value("content", "");
  const auto at = std::find(v.tokens.begin(), v.tokens.end(), token);
  return token.empty() || at == v.tokens.end() ? -1 : static_cast<int32_t>(at - v.tokens.begin());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> hugging_face_tokenizer(
    const GgufVocabulary& v, const std::string& chat_template, const std::string& name) {
  open_gguf_tokenizer(v, name);  // its Errors
  std::vector<std::pair<std::string, std::string>> files;
  const auto token = [&](int32_t id) -> json {
    return id < 0 ? json(nullptr) : json(v.tokens[static_cast<size_t>(id)]);
  };
  json config = {{"bos_token", token(v.begin)},
                 {"eos_token", token(v.end)},
                 {"unk_token", token(v.unk)},
                 {"pad_token", token(v.pad)},
                 {"clean_up_tokenization_spaces", false}};
  if (v.model == "gpt2") {
    files.emplace_back("tokenizer.json", byte_level_json(v, name));
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
  } else if (v.model == "llama") {
    files.emplace_back("tokenizer.model", sentencepiece_file(v));
    config["tokenizer_class"] = "LlamaTokenizer";
    config["legacy"] = true;
    config["add_bos_token"] = v.add_begin.value_or(true);
    config["add_eos_token"] = v.add_end.value_or(false);
  } else {
    unknown(name, "the Hugging Face file of a tokenizer of kind '" + v.model + "'");
  }
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  files.emplace_back("tokenizer_config.json", config.dump(2) + "\n");
  return files;
}

GgufVocabulary gguf_vocabulary_of_folder(const fs::path& folder, int32_t bos, int32_t eos) {
  GgufVocabulary v;
  if (is_file(folder / "tokenizer.model"))
    v = from_sentencepiece(folder / "tokenizer.model");
  else if (is_file(folder / "tokenizer.json"))
    v = from_tokenizer_json(folder / "tokenizer.json");
  else
    throw Error("E0320", folder.string() + ": no tokenizer.model or tokenizer.json",
                "Put the base model's tokenizer files into its folder.");
  const json config = read_object(folder / "tokenizer_config.json");
  const auto choose = [&](int32_t given, int32_t found, const char* field) {
    if (given >= 0) return given;
    const int32_t said = named(v, config, field);
    return said >= 0 ? said : found;
  };
  v.begin = choose(bos, v.begin, "bos_token");
  v.end = choose(eos, v.end, "eos_token");
  v.pad = named(v, config, "pad_token");
  if (config.contains("add_bos_token") && config["add_bos_token"].is_boolean())
    v.add_begin = config["add_bos_token"].get<bool>();
  return v;
}

}  // namespace gantry
