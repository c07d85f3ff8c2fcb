#include "text/bert_vocabulary.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/mecab.h"
#include "text/normalize.h"
#include "text/tokenizer_decoders.h"
#include "text/tokenizer_json_parts.h"
#include "text/unicode.h"
#include "text/wordpiece.h"

namespace gantry {

namespace {

using nlohmann::json;

[[noreturn]] void unknown(const std::string& where, const std::string& what) {
  throw Error("E0321", where + ": " + what + " is not known to this version of Gantry",
              "Use another base model, or report the setting.");
}

// One piece a line; a line that comes again moves the piece to its later id, as in the original.
Vocabulary read_lines(std::string_view text, const std::string& name) {
  Vocabulary vocabulary(name, Vocabulary::Repeated::kLastWins);
  int64_t id = 0;
  for (size_t at = 0; at < text.size(); ++id) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_valid_utf8(line))
      throw Error("E0322", name + ", line " + std::to_string(id + 1) + ": not UTF-8",
                  "The file is damaged: get it again.");
    if (!line.empty()) vocabulary.add(line, id);
    at = end + 1;
  }
  return vocabulary;
}

// A token of the config is a string or an object with "content".
std::string token_name(const json& config, const char* field, const std::string& where,
                       const std::string& otherwise) {
  const auto it = config.find(field);
  if (it != config.end() && it->is_object()) return string_field(*it, "content", where);
  return string_field(config, field, where, otherwise);
}

// The settings of tokenizer_config.json, with the defaults of their tokenizer class.
struct Settings {
  bool japanese = false;
  std::string words = "bert";  // bert, basic, mecab, none
  bool characters = false;     // instead of WordPiece
  bool lower_case = false, chinese_chars = true;
  std::optional<bool> strip_accents;
  std::string mecab_dictionary;
  bool mecab_nfkc = true;
  std::string unk, cls, sep, pad, mask;
};

void read_mecab_settings(const json& config, const std::string& where, Settings& settings) {
  const auto it = config.find("mecab_kwargs");
  const json kwargs = it == config.end() || it->is_null() ? json::object() : *it;
  settings.mecab_dictionary = string_field(kwargs, "mecab_dic", where, "unidic_lite");
  settings.mecab_nfkc = bool_field(kwargs, "normalize_text", where, true);
  if (!string_field(kwargs, "mecab_option", where, "").empty())
    unknown(where, "mecab_kwargs.mecab_option");
}

Settings read_settings(const json& config, const std::string& where) {
  Settings settings;
  settings.japanese =
      string_field(config, "tokenizer_class", where, "").starts_with("BertJapanese");
  settings.lower_case = bool_field(config, "do_lower_case", where, !settings.japanese);
  settings.chinese_chars =
      bool_field(config, "tokenize_chinese_chars", where, true) && !settings.japanese;
  if (const auto it = config.find("strip_accents"); it != config.end() && !it->is_null())
    settings.strip_accents = bool_field(config, "strip_accents", where, false);
  if (settings.japanese) {
    settings.words = string_field(config, "word_tokenizer_type", where, "basic");
    if (!bool_field(config, "do_word_tokenize", where, true)) settings.words = "none";
    if (settings.words == "mecab") read_mecab_settings(config, where, settings);
    if (settings.words != "mecab" && settings.words != "basic" && settings.words != "none")
      unknown(where, "the word tokenizer '" + settings.words + "'");
    const std::string subwords = string_field(config, "subword_tokenizer_type", where, "wordpiece");
    if (subwords != "wordpiece" && subwords != "character")
      unknown(where, "the subword tokenizer '" + subwords + "'");
    if (!bool_field(config, "do_subword_tokenize", where, true))
      unknown(where, "do_subword_tokenize = false");
    settings.characters = subwords == "character";
  }
  if (const auto it = config.find("never_split");
      it != config.end() && !it->is_null() && !it->empty())
    unknown(where, "never_split");
  settings.unk = token_name(config, "unk_token", where, "[UNK]");
  settings.cls = token_name(config, "cls_token", where, "[CLS]");
  settings.sep = token_name(config, "sep_token", where, "[SEP]");
  settings.pad = token_name(config, "pad_token", where, "[PAD]");
  settings.mask = token_name(config, "mask_token", where, "[MASK]");
  return settings;
}

NormalizerPtr make_normalizer(const Settings& settings) {
  std::vector<NormalizerPtr> steps;
  if (settings.words == "mecab") {
    if (settings.mecab_nfkc) steps.push_back(make_form_normalizer(NormalForm::kNfkc));
    return make_normalizer_sequence(std::move(steps));
  }
  if (settings.words == "none") return nullptr;
  if (settings.words == "basic") steps.push_back(make_form_normalizer(NormalForm::kNfc));
  steps.push_back(make_bert_normalizer({.clean_text = true,
                                        .handle_chinese_chars = settings.chinese_chars,
                                        .strip_accents = settings.strip_accents,
                                        .lowercase = settings.lower_case,
                                        .drop_unassigned = settings.words == "basic"}));
  return make_normalizer_sequence(std::move(steps));
}

// Lower-cases and normalizes what stands in the pieces: MeCab reads the text as it was written, its
// morphemes are changed behind it.
class RewritePieces : public PreTokenizer {
 public:
  explicit RewritePieces(NormalizerPtr normalizer) : normalizer_(std::move(normalizer)) {}
  void apply(Pieces& pieces) const override {
    Pieces out;
    out.text.reserve(pieces.text.text.size());
    for (const Piece& piece : pieces.pieces) {
      AlignedText word;
      word.append(pieces.text, piece.begin, piece.end);
      if (piece.id < 0) normalizer_->apply(word);
      const auto begin = static_cast<uint32_t>(out.text.text.size());
      out.text.append(word, 0, word.text.size());
      const auto end = static_cast<uint32_t>(out.text.text.size());
      if (begin < end) out.pieces.push_back({begin, end, piece.id});
    }
    pieces = std::move(out);
  }

 private:
  NormalizerPtr normalizer_;
};

PreTokenizerPtr make_pretokenizer(const Settings& settings, const std::filesystem::path& folder,
                                  std::string* identity) {
  std::vector<PreTokenizerPtr> steps;
  if (settings.words == "mecab") {
    auto mecab = std::make_unique<Mecab>(find_mecab_dictionary(settings.mecab_dictionary, folder),
                                         settings.mecab_dictionary);
    *identity = mecab->identity();
    steps.push_back(std::move(mecab));
    if (settings.lower_case)
      steps.push_back(std::make_unique<RewritePieces>(make_lowercase_normalizer()));
  } else if (settings.words != "none") {
    steps.push_back(make_bert_pretokenizer());
  }
  if (settings.characters) {
    steps.push_back(std::make_unique<RewritePieces>(make_form_normalizer(NormalForm::kNfkc)));
    steps.push_back(make_each_character_pretokenizer());
  } else {
    steps.push_back(make_python_split_pretokenizer());
  }
  return make_pretokenizer_sequence(std::move(steps));
}

int32_t needed(const Vocabulary& vocabulary, const std::string& token) {
  const int32_t id = vocabulary.id(token);
  if (id < 0)
    throw Error("E0323",
                vocabulary.where() + ": the special token '" + token + "' is not in the vocabulary",
                "The tokenizer files do not belong together: get them again.");
  return id;
}

}  // namespace

TokenizerPipeline read_bert_vocabulary(std::string_view vocab, const std::string& name,
                                       const json& config,
                                       const std::filesystem::path& model_folder,
                                       std::string* settings_text) {
  const Settings settings = read_settings(config, "tokenizer_config.json");
  TokenizerPipeline pipeline;
  Vocabulary vocabulary = read_lines(vocab, name);
  pipeline.before = {needed(vocabulary, settings.cls)};
  pipeline.after = {needed(vocabulary, settings.sep)};
  for (const std::string& token :
       {settings.unk, settings.cls, settings.sep, settings.pad, settings.mask})
    if (vocabulary.id(token) >= 0)
      pipeline.added.push_back({.id = vocabulary.id(token), .content = token, .special = true});
  pipeline.unk = vocabulary.id(settings.unk);
  pipeline.pad = vocabulary.id(settings.pad);
  pipeline.mask = vocabulary.id(settings.mask);

  std::string identity;
  pipeline.normalizer = make_normalizer(settings);
  pipeline.pre_tokenizer = make_pretokenizer(settings, model_folder, &identity);
  // Characters are looked up as they are: WordPiece without pieces that continue a word.
  pipeline.model = settings.characters
                       ? make_word_level(std::move(vocabulary), settings.unk)
                       : make_wordpiece(std::move(vocabulary), {.unk_token = settings.unk});
  pipeline.decoder = make_wordpiece_decoder("##", false);
  pipeline.finish();
  *settings_text = "words " + settings.words + ", characters " +
                   std::to_string(settings.characters) + ", lower case " +
                   std::to_string(settings.lower_case) + ", Chinese characters apart " +
                   std::to_string(settings.chinese_chars) + ", strip accents " +
                   std::to_string(settings.strip_accents.value_or(settings.lower_case)) +
                   ", NFKC " + std::to_string(settings.mecab_nfkc) + ", specials " + settings.unk +
                   " " + settings.cls + " " + settings.sep + " " + settings.pad + " " +
                   settings.mask + (identity.empty() ? "" : ", " + identity);
  return pipeline;
}

}  // namespace gantry
