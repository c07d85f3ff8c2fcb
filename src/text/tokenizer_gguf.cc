#include "text/tokenizer_gguf.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/bpe.h"
#include "text/normalize.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_decoders.h"
#include "text/tokenizer_normalizers.h"
#include "text/tokenizer_pretokenizers.h"
#include "text/unicode.h"
#include "text/wordpiece.h"

namespace gantry {

namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

[[noreturn]] void bad(const std::string& where, const std::string& what) {
  throw Error("E0323", where + ": " + what, "The file is damaged: get it again.");
}

// How llama.cpp's `pre` cuts a text into words (llama-vocab.cpp), as Hugging Face's tokenizers of
// the same models do.
struct PreTokenizerKind {
  const char* name;
  bool single_digits;
  const char* pattern;
  bool ignore_merges, begins;
};
constexpr const char* kLlama3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kQwen2 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr PreTokenizerKind kKinds[] = {
    {"gpt-2", false, "", false, false},     {"smollm", true, "", false, false},
    {"starcoder", true, "", false, false},  {"llama-bpe", false, kLlama3, true, true},
    {"llama3", false, kLlama3, true, true}, {"llama-v3", false, kLlama3, true, true},
    {"qwen2", false, kQwen2, false, false},
};

SentencePieceKind piece_kind(const GgufVocabulary& v, size_t id, const std::string& where) {
  if (v.kinds.empty()) return SentencePieceKind::kNormal;
  const int32_t kind = v.kinds[id];
  if (kind < 1 || kind > 6) bad(where, "a token of kind " + std::to_string(kind));
  return static_cast<SentencePieceKind>(kind);
}

void check_lists(const GgufVocabulary& v, const std::string& where) {
  if (v.tokens.empty()) bad(where, "it has no tokens");
  if (!v.kinds.empty() && v.kinds.size() != v.tokens.size())
    bad(where, "token_type has " + std::to_string(v.kinds.size()) + " entries for " +
                   std::to_string(v.tokens.size()) + " tokens");
  if (!v.scores.empty() && v.scores.size() != v.tokens.size())
    bad(where, "scores has " + std::to_string(v.scores.size()) + " entries for " +
                   std::to_string(v.tokens.size()) + " tokens");
  for (const std::string& token : v.tokens)
    if (token.empty() || !is_valid_utf8(token)) bad(where, "a token is empty or not UTF-8");
  for (int32_t id : {v.begin, v.end, v.unk, v.pad, v.mask})
    if (id < -1 || id >= static_cast<int32_t>(v.tokens.size()))
      bad(where, "a special id " + std::to_string(id) + " is not in the vocabulary");
}

Vocabulary vocabulary_of(const GgufVocabulary& v, const std::string& where) {
  Vocabulary vocabulary(where);
  for (size_t i = 0; i < v.tokens.size(); ++i) vocabulary.add(v.tokens[i], static_cast<int64_t>(i));
  return vocabulary;
}

void add_marked_tokens(TokenizerPipeline& pipeline, const GgufVocabulary& v,
                       const std::string& where) {
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    const SentencePieceKind kind = piece_kind(v, i, where);
    if (kind == SentencePieceKind::kControl || kind == SentencePieceKind::kUserDefined)
      pipeline.added.push_back({.id = static_cast<int32_t>(i),
                                .content = v.tokens[i],
                                .special = kind == SentencePieceKind::kControl});
  }
}

TokenizerPipeline byte_level(const GgufVocabulary& v, const std::string& where) {
  const GgufPreTokenizer kind = gguf_pre_tokenizer(v.pre, where);
  Merges merges;
  merges.reserve(v.merges.size());
  for (const std::string& merge : v.merges) {
    const size_t space = merge.find(' ', 1);  // a piece may begin with a space, never hold one
    if (space == std::string::npos) bad(where, "the merge '" + merge + "' is not two pieces");
    merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  TokenizerPipeline pipeline;
  std::vector<PreTokenizerPtr> steps;
  if (kind.single_digits) steps.push_back(make_digits_pretokenizer(true));
  if (!kind.pattern.empty())
    steps.push_back(
        make_regex_split_pretokenizer(kind.pattern, SplitBehavior::kIsolated, false, where));
  steps.push_back(
      make_byte_level_pretokenizer(v.add_space_prefix.value_or(false), kind.pattern.empty()));
  pipeline.pre_tokenizer = make_pretokenizer_sequence(std::move(steps));
  pipeline.decoder = make_byte_level_decoder();
  pipeline.model = make_bpe(vocabulary_of(v, where), merges, {.ignore_merges = kind.ignore_merges});
  add_marked_tokens(pipeline, v, where);
  if (v.add_begin.value_or(kind.begins) && v.begin >= 0) pipeline.before = {v.begin};
  if (v.add_end.value_or(false) && v.end >= 0) pipeline.after = {v.end};
  pipeline.finish();
  return pipeline;
}

TokenizerPipeline sentencepiece(const GgufVocabulary& v, const std::string& where) {
  if (v.scores.empty() || v.kinds.empty()) bad(where, "it has no scores or no token_type");
  SentencePieceModel model{.type = SentencePieceModel::kBpe,
                           .charsmap = v.charsmap,
                           .dummy_prefix = v.add_space_prefix.value_or(true),
                           .remove_extra_spaces = v.remove_extra_spaces.value_or(false)};
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    if (!std::isfinite(v.scores[i])) bad(where, "the score of '" + v.tokens[i] + "' is no number");
    model.pieces.push_back({v.tokens[i], v.scores[i], piece_kind(v, i, where)});
    if (model.pieces.back().kind == SentencePieceKind::kByte) model.byte_fallback = true;
  }
  TokenizerPipeline pipeline = make_sentencepiece(model, where, SentencePieceIds::kOwn);
  if (v.add_begin.value_or(true) && v.begin >= 0) pipeline.before = {v.begin};
  if (v.add_end.value_or(false) && v.end >= 0) pipeline.after = {v.end};
  return pipeline;
}

// llama.cpp marks the pieces that begin a word instead of those that go on with one.
TokenizerPipeline wordpiece(const GgufVocabulary& v, const std::string& where) {
  Vocabulary vocabulary(where);
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    const std::string& token = v.tokens[i];
    const bool whole = token.starts_with('[') && token.ends_with(']');
    const std::string piece = token.starts_with(kSpace) ? token.substr(kSpace.size())
                              : whole                   ? token
                                                        : "##" + token;
    vocabulary.add(piece, static_cast<int64_t>(i));
  }
  TokenizerPipeline pipeline;
  pipeline.normalizer = make_bert_normalizer({});
  pipeline.pre_tokenizer = make_bert_pretokenizer();
  pipeline.decoder = make_wordpiece_decoder("##", true);
  pipeline.model = make_wordpiece(std::move(vocabulary), {});
  add_marked_tokens(pipeline, v, where);
  if (v.add_begin.value_or(true) && v.begin >= 0) pipeline.before = {v.begin};
  if (v.add_end.value_or(true) && v.end >= 0) pipeline.after = {v.end};
  pipeline.finish();
  return pipeline;
}

std::string hash_of(const GgufVocabulary& v) {
  Sha256 hash;
  const auto text = [&](const std::string& value) {
    hash.update(std::to_string(value.size()) + ":");
    hash.update(value);
  };
  text(v.model);
  text(v.pre);
  text(v.charsmap);
  for (const auto* list : {&v.tokens, &v.merges}) {
    hash.update(std::to_string(list->size()) + "\n");
    for (const std::string& value : *list) text(value);
  }
  hash.update(v.scores.data(), v.scores.size() * sizeof(float));
  hash.update(v.kinds.data(), v.kinds.size() * sizeof(int32_t));
  for (int32_t id : {v.begin, v.end, v.unk, v.pad, v.mask}) hash.update(std::to_string(id) + " ");
  for (const auto& flag : {v.add_begin, v.add_end, v.add_space_prefix, v.remove_extra_spaces})
    hash.update(!flag ? "?" : *flag ? "y" : "n");
  return hash.hex();
}

}  // namespace

GgufPreTokenizer gguf_pre_tokenizer(const std::string& pre, const std::string& where) {
  for (const PreTokenizerKind& kind : kKinds)
    if (pre == kind.name)
      return {kind.single_digits, kind.pattern, kind.ignore_merges, kind.begins};
  std::string known;
  for (const std::string& name : known_gguf_pre_tokenizers())
    known += (known.empty() ? "" : ", ") + name;
  throw Error("E0321",
              where + ": the pre-tokenizer '" + pre + "' is not known to this version of Gantry (" +
                  known + " are)",
              "Put the model's tokenizer.json beside the GGUF file, or report the name.");
}

std::vector<std::string> known_gguf_pre_tokenizers() {
  std::vector<std::string> names;
  for (const PreTokenizerKind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

std::unique_ptr<Tokenizer> open_gguf_tokenizer(const GgufVocabulary& v, const std::string& name) {
  check_lists(v, name);
  TokenizerPipeline pipeline;
  if (v.model == "llama")
    pipeline = sentencepiece(v, name);
  else if (v.model == "gpt2")
    pipeline = byte_level(v, name);
  else if (v.model == "bert")
    pipeline = wordpiece(v, name);
  else
    throw Error("E0321",
                name + ": a tokenizer of kind '" + v.model +
                    "' is not known to this version of Gantry (llama, gpt2 and bert are)",
                "Put the model's tokenizer.json beside the GGUF file, or report the name.");
  pipeline.begin = v.begin;
  pipeline.end = v.end;
  pipeline.pad = v.pad;
  pipeline.mask = v.mask;
  if (v.unk >= 0) pipeline.unk = v.unk;
  pipeline.hash = hash_of(v);
  pipeline.description = "GGUF (" + std::string(pipeline.model->kind()) + ", " +
                         with_commas(static_cast<int64_t>(v.tokens.size())) + " pieces)";
  return std::make_unique<Tokenizer>(std::move(pipeline));
}

}  // namespace gantry
