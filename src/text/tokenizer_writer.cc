#include "text/tokenizer_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "text/base64.h"
#include "text/charsmap.h"
#include "text/normalize.h"
#include "text/unicode.h"

namespace gantry {

namespace {

using nlohmann::ordered_json;

[[noreturn]] void bad(const std::string& what) {
  throw Error("E0325", "tokenizer to be written: " + what,
              "The model package's tokenizer is damaged: get it again.");
}

void check(std::span<const std::string> pieces, std::span<const float> scores, int32_t unk_id,
           std::span<const NormalizerEntry> normalizer) {
  if (pieces.size() != scores.size())
    bad(std::to_string(pieces.size()) + " pieces but " + std::to_string(scores.size()) + " scores");
  if (unk_id < 0 || static_cast<size_t>(unk_id) >= pieces.size())
    bad("the unknown piece's id " + std::to_string(unk_id) + " is outside the vocabulary");
  for (size_t i = 0; i < pieces.size(); ++i)
    if (!is_valid_utf8(pieces[i])) bad("piece " + std::to_string(i) + " is not UTF-8");
  std::set<std::string_view> seen;
  for (const auto& [key, replacement] : normalizer) {
    if (key.empty() || key.find('\0') != std::string::npos || !is_valid_utf8(key))
      bad("a normalizer key is empty, holds U+0000 or is not UTF-8");
    if (replacement.find('\0') != std::string::npos || !is_valid_utf8(replacement))
      bad("the replacement of '" + key + "' holds U+0000 or is not UTF-8");
    if (!seen.insert(key).second) bad("the normalizer key '" + key + "' occurs twice");
  }
}

ordered_json added_token(int64_t id, const std::string& content, bool lstrip) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", lstrip},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

std::string unigram_tokenizer_json(std::span<const std::string> pieces,
                                   std::span<const float> scores, int32_t unk_id,
                                   std::span<const NormalizerEntry> normalizer) {
  check(pieces, scores, unk_id, normalizer);
  const auto id_of = [&](const std::string& piece) -> int64_t {
    const auto it = std::find(pieces.begin(), pieces.end(), piece);
    return it - pieces.begin();
  };
  ordered_json added = ordered_json::array();
  for (const std::string special : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) {
    const int64_t id = id_of(special);
    if (id == static_cast<int64_t>(pieces.size()) && special != "<mask>")
      bad("no piece " + special);
    added.push_back(added_token(id, special, special == "<mask>"));
  }
  std::sort(added.begin(), added.end(),
            [](const auto& a, const auto& b) { return a["id"] < b["id"]; });

  ordered_json vocab = ordered_json::array();
  for (size_t i = 0; i < pieces.size(); ++i)
    vocab.push_back(ordered_json::array({pieces[i], static_cast<double>(scores[i])}));
  const auto special = [](const char* id) {
    return ordered_json{{"SpecialToken", {{"id", id}, {"type_id", 0}}}};
  };
  const auto sequence = [](const char* id) {
    return ordered_json{{"Sequence", {{"id", id}, {"type_id", 0}}}};
  };
  const auto of_special = [&](const char* token) {
    return ordered_json{{"id", token}, {"ids", {id_of(token)}}, {"tokens", {token}}};
  };
  const ordered_json metaspace = {{"type", "Metaspace"},
                                  {"replacement", "\u2581"},
                                  {"prepend_scheme", "always"},
                                  {"split", true}};
  const ordered_json json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer",
       {{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(Charsmap::write(normalizer))}}},
      {"pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace}}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {special("<s>"), sequence("A"), special("</s>")}},
        {"pair",
         {special("<s>"), sequence("A"), special("</s>"), special("</s>"), sequence("B"),
          special("</s>")}},
        {"special_tokens", {{"<s>", of_special("<s>")}, {"</s>", of_special("</s>")}}}}},
      {"decoder", metaspace},
      {"model",
       {{"type", "Unigram"}, {"unk_id", unk_id}, {"vocab", vocab}, {"byte_fallback", false}}}};
  return json.dump();
}

std::string unigram_tokenizer_json(
    std::span<const std::string> pieces, std::span<const float> scores, int32_t unk_id,
    std::span<const std::pair<char32_t, std::u32string>> normalizer) {
  std::vector<NormalizerEntry> entries;
  entries.reserve(normalizer.size());
  for (const auto& [code_point, replacement] : normalizer) {
    const auto is_scalar = [](char32_t c) { return c < 0x110000 && (c < 0xD800 || c > 0xDFFF); };
    if (!is_scalar(code_point) || !std::all_of(replacement.begin(), replacement.end(), is_scalar))
      bad("a normalizer entry holds a number that is not a code point");
    entries.emplace_back(to_utf8(code_point), to_utf8(replacement));
  }
  return unigram_tokenizer_json(pieces, scores, unk_id, entries);
}

}  // namespace gantry
