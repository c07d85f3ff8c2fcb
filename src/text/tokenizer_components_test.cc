// Every normalizer, pre-tokenizer and decoder against Hugging Face's, one at a time
// (tests/oracles/tokenizers_components.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer_json_parts.h"
#include "text/tokenizer_regex.h"

namespace gantry {
namespace {

using nlohmann::json;

std::string normalized(const Normalizer& normalizer, const std::string& text) {
  AlignedText aligned_text = aligned(text, nullptr);
  normalizer.apply(aligned_text);
  EXPECT_EQ(aligned_text.text.size(), aligned_text.source.size());
  for (const ByteRange& range : aligned_text.source) {
    EXPECT_LE(range.begin, range.end);
    EXPECT_LE(range.end, text.size());
  }
  return aligned_text.text;
}

std::vector<std::string> cut(const PreTokenizer& pre_tokenizer, const std::string& text) {
  Pieces pieces;
  pieces.text = aligned(text, nullptr);
  pieces.pieces = {{0, static_cast<uint32_t>(text.size())}};
  pre_tokenizer.apply(pieces);
  std::vector<std::string> out;
  for (const Piece& piece : pieces.pieces) out.emplace_back(pieces.of(piece));
  EXPECT_EQ(pieces.text.text.size(), pieces.text.source.size());
  return out;
}

std::string decoded(const PieceDecoder& decoder, std::vector<std::string> pieces) {
  decoder.apply(pieces);
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

TEST(TokenizerComponents, EqualHuggingFace) {
  const json entries = json::parse(
      read_file(std::string(GANTRY_SOURCE_DIR) + "/tests/data/tokenizers/components.json"));
  size_t cases = 0;
  for (const json& entry : entries) {
    const std::string part = entry["part"];
    const json& spec = entry["json"];
    SCOPED_TRACE(spec.dump());
    for (const json& one : entry["cases"]) {
      SCOPED_TRACE(one[0].dump());
      ++cases;
      if (part == "normalizer") {
        EXPECT_EQ(json(normalized(*normalizer_from_json(spec, "test"), one[0])), one[1]);
      } else if (part == "pre_tokenizer") {
        EXPECT_EQ(json(cut(*pretokenizer_from_json(spec, "test"), one[0])), one[1]);
      } else {
        EXPECT_EQ(json(decoded(*decoder_from_json(spec, "test"), one[0])), one[1]);
      }
    }
  }
  EXPECT_GT(cases, 3000u);
}

TEST(TokenizerComponents, NamesWhatItDoesNotKnow) {
  const auto code = [](const auto& make, const char* spec, const char* named) {
    try {
      make(json::parse(spec), "file");
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
      return error.code();
    }
    return std::string("none");
  };
  EXPECT_EQ(code(normalizer_from_json, R"({"type": "Telepathy"})", "Telepathy"), "E0321");
  EXPECT_EQ(code(pretokenizer_from_json, R"({"type": "UnicodeScripts"})", "UnicodeScripts"),
            "E0321");
  EXPECT_EQ(code(decoder_from_json, R"({"type": "CTC"})", "CTC"), "E0321");
  EXPECT_EQ(code(post_processor_from_json, R"({"type": "X"})", "X"), "E0321");
  EXPECT_EQ(code(normalizer_from_json, R"({"kind": 3})", "type"), "E0323");
  EXPECT_EQ(code(normalizer_from_json, "[1]", "type"), "E0323");
  EXPECT_EQ(code(normalizer_from_json, R"({"type": "Precompiled", "precompiled_charsmap": "!"})",
                 "base64"),
            "E0323");
  EXPECT_EQ(code(pretokenizer_from_json, R"({"type": "Split", "pattern": {"Regex": "("}})", "("),
            "E0327");
  EXPECT_EQ(
      code(pretokenizer_from_json,
           R"({"type": "Split", "pattern": {"String": "a"}, "behavior": "Halved"})", "Halved"),
      "E0321");
  EXPECT_EQ(normalizer_from_json(json(), "file"), nullptr);
}

TEST(TokenizerComponents, SpecialsAround) {
  const auto read = [](const char* spec) {
    return post_processor_from_json(json::parse(spec), "file");
  };
  const auto sequence = read(
      R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
          {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}]})");
  EXPECT_EQ(sequence.before, std::vector<int32_t>{0});
  EXPECT_EQ(sequence.after, std::vector<int32_t>{2});
  EXPECT_THROW(read(R"({"type": "TemplateProcessing", "special_tokens": {},
      "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]})"),
               Error);
  EXPECT_THROW(read(R"({"type": "TemplateProcessing", "special_tokens": {}, "single": []})"),
               Error);
}

TEST(TokenizerRegex, RefusesWhatItCannotTranslate) {
  for (const char* pattern :
       {"[a&&b]", "[a[bc]]", "\\bword", "[\\W]", "(", "a\\", "[", "[]a]", "[[:punct:]]"}) {
    try {
      TokenizerRegex regex(pattern, "file");
      ADD_FAILURE() << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0327");
    }
  }
}

TEST(TokenizerRegex, GivesUpOnCatastrophicPatterns) {
  const TokenizerRegex regex("(a+)+$", "file");
  try {
    regex.find_all(std::string(60, 'a') + "b");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0328");
  }
}

}  // namespace
}  // namespace gantry
