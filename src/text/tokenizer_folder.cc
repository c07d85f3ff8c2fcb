// Tokenizer::open: which tokenizer file of a model folder is read, and what the files beside it
// say.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/bert_vocabulary.h"
#include "text/bpe.h"
#include "text/json_scanner.h"
#include "text/sentencepiece.h"
#include "text/tokenizer.h"
#include "text/tokenizer_decoders.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_json_parts.h"
#include "text/tokenizer_pretokenizers.h"

namespace gantry {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// A JSON object beside the tokenizer, or an empty one where there is no such file.
json read_config(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return json::object();
  try {
    json config = json::parse(read_file(path));
    if (config.is_object()) return config;
  } catch (const json::exception&) {
  }
  throw Error("E0322", path.string() + ": not a JSON object",
              "The file is damaged or cut short: get it again.");
}

struct Folder {
  fs::path path;
  json tokenizer_config, special_tokens, model_config;

  bool has(const char* name) const {
    std::error_code ignored;
    return fs::is_regular_file(path / name, ignored);
  }
  std::string model_type() const {
    return string_field(model_config, "model_type", (path / "config.json").string(), "");
  }
  std::string tokenizer_class() const {
    return string_field(tokenizer_config, "tokenizer_class",
                        (path / "tokenizer_config.json").string(), "");
  }
  // What tokenizer_config.json or special_tokens_map.json calls a special token, or "".
  std::string special(const char* field) const {
    for (const json* config : {&tokenizer_config, &special_tokens}) {
      const auto it = config->find(field);
      if (it == config->end()) continue;
      if (it->is_string()) return it->get<std::string>();
      if (it->is_object()) return string_field(*it, "content", field, "");
    }
    return "";
  }
};

int32_t id_of(const TokenizerPipeline& pipeline, const std::string& token) {
  if (token.empty()) return -1;
  for (const AddedToken& added : pipeline.added)
    if (added.content == token) return added.id;
  return pipeline.model->vocabulary().id(token);
}

// The first of the names that the vocabulary has.
int32_t first_known(const TokenizerPipeline& pipeline, std::initializer_list<std::string> names) {
  for (const std::string& name : names)
    if (const int32_t id = id_of(pipeline, name); id >= 0) return id;
  return -1;
}

// begin, end, ... by the files beside the tokenizer, else by the names that everybody uses.
void find_special_ids(TokenizerPipeline& pipeline, const Folder& folder) {
  const auto set = [&](int32_t& id, std::initializer_list<std::string> names) {
    if (id < 0) id = first_known(pipeline, names);
  };
  if (!pipeline.before.empty()) pipeline.begin = pipeline.before.front();
  if (!pipeline.after.empty()) pipeline.end = pipeline.after.back();
  set(pipeline.begin, {folder.special("cls_token"), folder.special("bos_token"), "[CLS]", "<s>"});
  set(pipeline.end, {folder.special("sep_token"), folder.special("eos_token"), "[SEP]", "</s>"});
  set(pipeline.pad, {folder.special("pad_token"), "[PAD]", "<pad>"});
  set(pipeline.mask, {folder.special("mask_token"), "[MASK]", "<mask>"});
  set(pipeline.unk, {folder.special("unk_token"), "[UNK]", "<unk>"});
}

void check_specials(const TokenizerPipeline& pipeline, const std::string& name) {
  for (const auto* ids : {&pipeline.before, &pipeline.after})
    for (int32_t id : *ids)
      if (!pipeline.added_token(id) && !pipeline.model->vocabulary().has(id))
        throw Error("E0323",
                    name + ": the special id " + std::to_string(id) +
                        " that stands around a text is not in the vocabulary",
                    "The tokenizer file is damaged: get it again.");
}

void describe(TokenizerPipeline& pipeline, const std::string& name, std::string_view hashed) {
  pipeline.hash = sha256_hex(hashed);
  pipeline.description = name + " (" + std::string(pipeline.model->kind()) + ", " +
                         with_commas(static_cast<int64_t>(pipeline.model->vocabulary().count())) +
                         " pieces)";
}

TokenizerPipeline from_tokenizer_json(const Folder& folder) {
  const MappedFile file(folder.path / "tokenizer.json");
  TokenizerPipeline pipeline =
      read_tokenizer_json(file.text(), (folder.path / "tokenizer.json").string());
  describe(pipeline, "tokenizer.json", file.text());
  return pipeline;
}

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[noreturn]] void needs_tokenizer_json(const Folder& folder, const char* file,
                                       const std::string& what) {
  throw Error(
      "E0321",
      (folder.path / file).string() + ": " + what + " is not known to this version of Gantry",
      "Give the model folder a tokenizer.json.");
}

// Whether the file's ids are XLM-R's. Other models of the fairseq family shift theirs in other
// ways.
bool is_xlmr(const Folder& folder, const char* file) {
  const std::string type = folder.model_type(), tokenizer = folder.tokenizer_class();
  if (type == "xlm-roberta" || tokenizer.starts_with("XLMRoberta")) return true;
  if (std::string_view(file) != "sentencepiece.bpe.model") return false;
  if (is_one_of(type, {"", "bert"}) && tokenizer.empty()) return true;
  needs_tokenizer_json(folder, file,
                       "how " + (tokenizer.empty() ? type : tokenizer) + " numbers its pieces");
}

// The specials around a text of a model that is not XLM-R: what tokenizer_config.json asks for,
// else what the architecture has: T5 </s> behind, LLaMA and its kin <s> in front.
void add_sentencepiece_specials(TokenizerPipeline& pipeline, const Folder& folder, const char* file,
                                const SentencePieceSpecials& own) {
  const std::string where = (folder.path / "tokenizer_config.json").string();
  const std::string type = folder.model_type();
  const json& config = folder.tokenizer_config;
  const bool t5 = is_one_of(type, {"t5", "mt5", "umt5", "longt5"});
  const bool llama = is_one_of(type, {"", "llama", "mistral", "mixtral", "gemma", "gemma2"});
  const bool told = config.contains("add_bos_token") && config.contains("add_eos_token");
  if (!t5 && !llama && !told)
    needs_tokenizer_json(folder, file, "which specials stand around a text of " + type);
  if (bool_field(config, "do_lower_case", where, false))
    needs_tokenizer_json(folder, file, "do_lower_case with a SentencePiece model");
  if (bool_field(config, "add_bos_token", where, !t5) && own.bos >= 0) pipeline.before = {own.bos};
  if (bool_field(config, "add_eos_token", where, t5) && own.eos >= 0) pipeline.after = {own.eos};
  pipeline.begin = own.bos;
  pipeline.end = own.eos;
  pipeline.pad = own.pad;
}

TokenizerPipeline from_sentencepiece(const Folder& folder, const char* file_name) {
  const MappedFile file(folder.path / file_name);
  const std::string name = (folder.path / file_name).string();
  const bool xlmr = is_xlmr(folder, file_name);
  SentencePieceSpecials own;
  TokenizerPipeline pipeline = read_sentencepiece(
      file.text(), name, xlmr ? SentencePieceIds::kXlmR : SentencePieceIds::kOwn, &own);
  if (!xlmr) add_sentencepiece_specials(pipeline, folder, file_name, own);
  std::string hashed(file.text());
  hashed += xlmr ? "\nXLM-R ids" : "\nown ids";
  for (const auto* ids : {&pipeline.before, &pipeline.after})
    for (int32_t id : *ids) hashed += " " + std::to_string(id);
  describe(pipeline, file_name, hashed);
  return pipeline;
}

TokenizerPipeline from_bert_vocabulary(const Folder& folder) {
  const std::string vocab = read_file(folder.path / "vocab.txt");
  json config = folder.tokenizer_config;
  for (const char* field : {"unk_token", "cls_token", "sep_token", "pad_token", "mask_token"})
    if (const std::string token = folder.special(field); !token.empty()) config[field] = token;
  std::string settings;
  TokenizerPipeline pipeline = read_bert_vocabulary(vocab, (folder.path / "vocab.txt").string(),
                                                    config, folder.path, &settings);
  describe(pipeline, "vocab.txt", vocab + "\n" + settings);
  return pipeline;
}

Vocabulary read_vocab_json(std::string_view text, const std::string& name) {
  JsonScanner scanner(text, name);
  Vocabulary vocabulary(name);
  std::string piece;
  bool first = true;
  scanner.expect('{');
  while (scanner.more('}', first)) {
    piece = scanner.key();
    vocabulary.add(piece, scanner.integer());
  }
  scanner.end();
  return vocabulary;
}

// merges.txt: "#version: 0.2", then two pieces a line.
Merges read_merges(std::string_view text, const std::string& name) {
  Merges merges;
  size_t line_number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      throw Error("E0322", name + ", line " + std::to_string(line_number) + ": not two pieces",
                  "The file is damaged: get it again.");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

// RoBERTa's and GPT-2's files: a byte-level BPE.
TokenizerPipeline from_vocab_and_merges(const Folder& folder) {
  const std::string vocab = read_file(folder.path / "vocab.json");
  const std::string merges = read_file(folder.path / "merges.txt");
  TokenizerPipeline pipeline;
  Vocabulary vocabulary = read_vocab_json(vocab, (folder.path / "vocab.json").string());
  const bool roberta = vocabulary.id("<s>") >= 0 && vocabulary.id("</s>") >= 0;
  const auto add = [&](const std::string& token, bool lstrip) {
    if (const int32_t id = vocabulary.id(token); id >= 0)
      pipeline.added.push_back({.id = id, .content = token, .special = true, .lstrip = lstrip});
  };
  if (roberta) {
    pipeline.before = {vocabulary.id("<s>")};
    pipeline.after = {vocabulary.id("</s>")};
    for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) add(token, false);
    add("<mask>", true);
  } else {
    add("<|endoftext|>", false);
  }
  const std::string where = (folder.path / "tokenizer_config.json").string();
  const bool prefix = bool_field(folder.tokenizer_config, "add_prefix_space", where, false);
  pipeline.pre_tokenizer = make_byte_level_pretokenizer(prefix, true);
  pipeline.decoder = make_byte_level_decoder();
  pipeline.model = make_bpe(std::move(vocabulary),
                            read_merges(merges, (folder.path / "merges.txt").string()), {});
  pipeline.finish();
  describe(pipeline, "vocab.json and merges.txt",
           vocab + "\n" + merges + (prefix ? "\nprefix" : "\nno prefix"));
  return pipeline;
}

TokenizerPipeline read_folder(const Folder& folder) {
  // No tokenizer.json can say what MeCab does: where one lies beside such a vocabulary, it is
  // another tokenizer.
  const bool japanese = folder.tokenizer_class().starts_with("BertJapanese");
  if (folder.has("tokenizer.json") && !japanese) return from_tokenizer_json(folder);
  for (const char* name : {"sentencepiece.bpe.model", "tokenizer.model", "spiece.model"})
    if (folder.has(name) && !japanese) return from_sentencepiece(folder, name);
  if (folder.has("vocab.txt")) return from_bert_vocabulary(folder);
  if (folder.has("vocab.json") && folder.has("merges.txt")) return from_vocab_and_merges(folder);
  throw Error("E0320",
              folder.path.string() +
                  ": no tokenizer file (tokenizer.json, sentencepiece.bpe.model, tokenizer.model, "
                  "spiece.model, vocab.txt, or vocab.json with merges.txt)",
              "Put the base model's tokenizer files into its folder.");
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::open(const fs::path& model_folder) {
  const Folder folder{model_folder, read_config(model_folder / "tokenizer_config.json"),
                      read_config(model_folder / "special_tokens_map.json"),
                      read_config(model_folder / "config.json")};
  TokenizerPipeline pipeline = read_folder(folder);
  find_special_ids(pipeline, folder);
  check_specials(pipeline, model_folder.string());
  return std::make_unique<Tokenizer>(std::move(pipeline));
}

std::unique_ptr<Tokenizer> Tokenizer::from_json(std::string_view json_text,
                                                const std::string& name) {
  TokenizerPipeline pipeline = read_tokenizer_json(json_text, name);
  const Folder nothing{{}, json::object(), json::object(), json::object()};
  find_special_ids(pipeline, nothing);
  check_specials(pipeline, name);
  describe(pipeline, name, json_text);
  return std::make_unique<Tokenizer>(std::move(pipeline));
}

}  // namespace gantry
