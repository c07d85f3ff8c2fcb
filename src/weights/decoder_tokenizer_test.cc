// Tokenizers from GGUF metadata: ids against Hugging Face (tests/oracles/tokenizer_gguf.py),
// against sentencepiece and against the .inp/.out files that llama.cpp keeps beside its
// vocabularies.
#include "weights/decoder_tokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/chat_template.h"
#include "weights/decoder_folder.h"
#include "weights/gguf.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kData = fs::path(GANTRY_SOURCE_DIR) / "tests/data/tokenizers";
const fs::path kVocabularies = fs::path(GANTRY_SHARED_DIR) / "reference/tokenizers/llama.cpp-vocab";

fs::path smollm2() {
  const char* models = std::getenv("GANTRY_MODELS");
  const char* home = std::getenv("HOME");
  return (models ? fs::path(models) : fs::path(home ? home : "") / ".local/share/gantry/models") /
         "smollm2-135m-instruct";
}

std::unique_ptr<Tokenizer> tokenizer_of(const fs::path& file) {
  return open_gguf_tokenizer(gguf_vocabulary(GgufFile::open(file), file.string()), file.string());
}

std::string line_of(const std::vector<int32_t>& ids) {
  std::string line;
  for (int32_t id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
  return ids.size() <= 150 ? line : "# " + std::to_string(ids.size()) + " " + sha256_hex(line);
}

void expect_lines(const Tokenizer& tokenizer, const fs::path& expected) {
  const json strings = json::parse(read_file(kData / "strings.json"));
  const std::string text = read_file(expected / "expected.txt");
  const std::vector<std::string_view> lines = split(text, '\n');
  ASSERT_GE(strings.size(), 500u);
  ASSERT_EQ(lines.size(), strings.size() + 1);
  for (size_t i = 0; i < strings.size(); ++i)
    EXPECT_EQ(line_of(tokenizer.with_specials(tokenizer.encode(strings[i].get<std::string>()).ids)),
              lines[i])
        << i << ": " << strings[i];
}

TEST(GgufTokenizer, SmolLM2EqualsHuggingFace) {
  if (!fs::exists(smollm2())) GTEST_SKIP() << "no " << smollm2();
  const DecoderFolder base = DecoderFolder::open(smollm2());
  const auto tokenizer = open_decoder_tokenizer(base);
  expect_lines(*tokenizer, kData / "reference/smollm2-gguf");
  const json strings = json::parse(read_file(kData / "strings.json"));
  const json decoded = json::parse(read_file(kData / "reference/smollm2-gguf/decoded.json"));
  for (size_t i = 0; i < strings.size(); ++i) {
    if (decoded[i].is_null()) continue;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(strings[i].get<std::string>()).ids),
              decoded[i].get<std::string>());
  }
  EXPECT_EQ(tokenizer->vocab_size(), 49152);
  EXPECT_EQ(tokenizer->begin_id(), 1);
  EXPECT_EQ(tokenizer->end_id(), 2);
}

TEST(GgufTokenizer, SmolLM2sChatTemplate) {
  if (!fs::exists(smollm2())) GTEST_SKIP() << "no " << smollm2();
  const DecoderFolder base = DecoderFolder::open(smollm2());
  const auto tokenizer = open_decoder_tokenizer(base);
  const ChatTemplates all = ChatTemplates::parse(
      read_file(fs::path(GANTRY_SOURCE_DIR) / "tasks/chat-templates.toml"), "chat-templates.toml");
  EXPECT_EQ(all.detect(chat_template_text(base), base.name()).name(), "smollm2");
  const json expected =
      json::parse(read_file(fs::path(GANTRY_SOURCE_DIR) / "tests/data/chat/expected.json"));
  int compared = 0;
  for (const json& one : expected["cases"]) {
    if (one["kind"] != "smollm2" && one["kind"] != "chatml") continue;
    std::vector<ChatTurn> turns;
    for (const json& turn : one["turns"])
      turns.push_back({turn["role"] == "system" ? ChatRole::kSystem
                       : turn["role"] == "user" ? ChatRole::kUser
                                                : ChatRole::kAssistant,
                       turn["content"]});
    EXPECT_EQ(all.named(one["kind"]).prompt(*tokenizer, turns).ids,
              one["ids"].get<std::vector<int32_t>>());
    ++compared;
  }
  EXPECT_GE(compared, 10);
}

TEST(GgufTokenizer, LlamaSentencePieceEqualsTheLibrary) {
  const fs::path file = kVocabularies / "ggml-vocab-llama-spm.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto tokenizer = tokenizer_of(file);
  expect_lines(*tokenizer, kData / "reference/llama2-model");
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{1, 15043, 3186, 2}), "Hello world");
}

class LlamaCppVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(LlamaCppVocabulary, GivesItsOwnIds) {
  const fs::path file = kVocabularies / GetParam();
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const auto tokenizer = tokenizer_of(file);
  const std::string input = read_file(file.string() + ".inp");
  const std::string output = read_file(file.string() + ".out");
  std::vector<std::string> texts;
  constexpr std::string_view kBetween = "\n__ggml_vocab_test__\n";
  for (size_t at = 0; at < input.size();) {
    const size_t end = std::min(input.find(kBetween, at), input.size());
    texts.push_back(input.substr(at, end - at));
    at = end + kBetween.size();
  }
  const std::vector<std::string_view> lines = split(output, '\n');
  ASSERT_GE(texts.size(), 40u);
  ASSERT_GE(lines.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    std::string line;
    for (int32_t id : tokenizer->encode_plain(texts[i]).ids) line += " " + std::to_string(id);
    EXPECT_EQ(line, lines[i]) << i << ": " << texts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, LlamaCppVocabulary,
                         testing::Values("ggml-vocab-llama-spm.gguf", "ggml-vocab-bert-bge.gguf"));

GgufVocabulary small() {
  GgufVocabulary v;
  v.model = "gpt2";
  v.pre = "smollm";
  v.tokens = {"<|end|>", "a", "b", "ab", "Ġ"};
  v.kinds = {3, 1, 1, 1, 1};
  v.merges = {"a b"};
  v.end = 0;
  return v;
}

TEST(GgufTokenizer, RefusesWhatItDoesNotKnowAndWhatIsDamaged) {
  const auto code_of = [](const GgufVocabulary& v) -> std::string {
    try {
      open_gguf_tokenizer(v, "t.gguf");
    } catch (const Error& error) {
      return error.code();
    }
    return "";
  };
  EXPECT_EQ(code_of(small()), "");
  EXPECT_EQ(open_gguf_tokenizer(small(), "t")->encode("ab a<|end|>").ids,
            (std::vector<int32_t>{3, 4, 1, 0}));
  auto v = small();
  v.model = "t5";
  EXPECT_EQ(code_of(v), "E0321");
  v = small();
  v.pre = "some-new-one";
  EXPECT_EQ(code_of(v), "E0321");
  v = small();
  v.kinds.pop_back();
  EXPECT_EQ(code_of(v), "E0323");
  v = small();
  v.end = 5;
  EXPECT_EQ(code_of(v), "E0323");
  v = small();
  v.merges = {"a c"};
  EXPECT_EQ(code_of(v), "E0324");
  v = small();
  v.merges = {"ab"};
  EXPECT_EQ(code_of(v), "E0323");
  v = small();
  v.tokens[1] = "b";
  EXPECT_EQ(code_of(v), "E0324");
  v = small();
  v.kinds[1] = 9;
  EXPECT_EQ(code_of(v), "E0323");
}

}  // namespace
}  // namespace gantry
