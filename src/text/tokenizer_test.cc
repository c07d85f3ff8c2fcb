// Token ids against Hugging Face and sentencepiece, on 656 strings a tokenizer.
//
// tests/data/tokenizers/NAME holds a small tokenizer of our own and what the libraries make of
// strings.json; reference/NAME only the latter, for files that are not ours to keep: those tests
// run where the file is. Made by tests/oracles/tokenizers_*.py.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/mecab.h"
#include "text/unicode.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kData = fs::path(GANTRY_SOURCE_DIR) / "tests/data/tokenizers";
const fs::path kReference = fs::path(GANTRY_SHARED_DIR) / "reference/tokenizers";

const std::vector<std::string>& strings() {
  static const std::vector<std::string> all =
      json::parse(read_file(kData / "strings.json")).get<std::vector<std::string>>();
  return all;
}

fs::path models_folder() {
  if (const char* models = std::getenv("GANTRY_MODELS")) return models;
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : "") / ".local/share/gantry/models";
}

// As in expected.txt: the ids, or "# number digest" where they are many.
std::string line_of(const std::vector<int32_t>& ids) {
  std::string line;
  for (int32_t id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
  return ids.size() <= 150 ? line : "# " + std::to_string(ids.size()) + " " + sha256_hex(line);
}

// Offsets lie within the text, at its characters, and never go back.
void check_offsets(const std::string& text, const Encoding& encoding) {
  ASSERT_EQ(encoding.ids.size(), encoding.offsets.size());
  uint32_t before = 0;
  for (const ByteRange& range : encoding.offsets) {
    ASSERT_LE(range.begin, range.end) << text;
    ASSERT_LE(range.end, text.size()) << text;
    ASSERT_GE(range.begin, before) << text;
    for (uint32_t place : {range.begin, range.end}) {
      const bool at_character =
          place == text.size() || (static_cast<unsigned char>(text[place]) & 0xC0) != 0x80;
      ASSERT_TRUE(at_character) << text;
    }
    before = range.begin;
  }
}

void expect_as_library(const Tokenizer& tokenizer, const fs::path& expected) {
  const std::string text = read_file(expected / "expected.txt");
  std::vector<std::string_view> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::optional<json> decoded;
  if (fs::exists(expected / "decoded.json"))
    decoded = json::parse(read_file(expected / "decoded.json"));
  ASSERT_EQ(lines.size(), strings().size());
  ASSERT_GE(lines.size(), 500u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& string = strings()[i];
    const Encoding encoding = tokenizer.encode(string);
    check_offsets(string, encoding);
    EXPECT_EQ(encoding.replaced, 0u);
    if (lines[i] == "-") continue;  // the library cannot take it
    EXPECT_EQ(line_of(tokenizer.with_specials(encoding.ids)), lines[i]) << i << ": " << string;
    if (decoded && !(*decoded)[i].is_null()) {
      EXPECT_EQ(tokenizer.decode(encoding.ids), (*decoded)[i].get<std::string>()) << i;
    }
  }
}

bool has_ipadic() {
  try {
    find_mecab_dictionary("ipadic", "/nonexistent");
    return true;
  } catch (const Error&) {
    return false;
  }
}

class OwnTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(OwnTokenizer, EqualsTheLibrary) {
  const fs::path folder = kData / GetParam();
  const bool mecab = std::string(GetParam()) == "japanese-ipadic" ||
                     std::string(GetParam()) == "japanese-characters";
  if (mecab && !has_ipadic()) GTEST_SKIP() << "no mecab-ipadic-utf8 on this machine";
  expect_as_library(*Tokenizer::open(folder), folder);
}

INSTANTIATE_TEST_SUITE_P(Kinds, OwnTokenizer,
                         testing::Values("wordpiece-lower", "wordpiece-cased", "vocab-lower",
                                         "vocab-cased", "japanese-ipadic", "japanese-characters",
                                         "japanese-basic", "bpe-byte-level", "bpe-vocab-merges",
                                         "bpe-split-regex", "bpe-byte-fallback", "bpe-words",
                                         "unigram", "word-level", "spm-xlmr", "spm-unigram",
                                         "spm-bpe"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(ReferenceTokenizer, DefaultBaseModel) {
  const fs::path folder = models_folder() / "multilingual-e5-small";
  if (!fs::exists(folder / "tokenizer.json")) GTEST_SKIP() << "no " << folder;
  const auto tokenizer = Tokenizer::open(folder);
  expect_as_library(*tokenizer, kData / "reference/multilingual-e5-small");
  EXPECT_EQ(tokenizer->vocab_size(), 250002);
  EXPECT_EQ(tokenizer->begin_id(), 0);
  EXPECT_EQ(tokenizer->pad_id(), 1);
  EXPECT_EQ(tokenizer->end_id(), 2);
  EXPECT_EQ(tokenizer->unk_id(), 3);
  EXPECT_EQ(tokenizer->mask_id(), 250001);
  EXPECT_NO_THROW(tokenizer->check_fits(250037));
  EXPECT_THROW(tokenizer->check_fits(250001), Error);
}

TEST(ReferenceTokenizer, EnglishWordPiece) {
  const fs::path folder = models_folder() / "all-minilm-l6-v2";
  if (!fs::exists(folder / "tokenizer.json")) GTEST_SKIP() << "no " << folder;
  expect_as_library(*Tokenizer::open(folder), kData / "reference/all-minilm-l6-v2");
}

// A folder of one file, under the name that a model folder would have it.
class FolderOf {
 public:
  FolderOf(const fs::path& file, const char* name)
      : path_(fs::path(testing::TempDir()) / ("tokenizer-" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
    fs::copy_file(file, path_ / name);
  }
  ~FolderOf() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct ReferenceFile {
  const char *file, *name, *expected;
};

class ReferenceTokenizerFile : public testing::TestWithParam<ReferenceFile> {};

TEST_P(ReferenceTokenizerFile, EqualsTheLibrary) {
  const fs::path file = kReference / GetParam().file;
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const FolderOf folder(file, GetParam().name);
  expect_as_library(*Tokenizer::open(folder.path()), kData / "reference" / GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Files, ReferenceTokenizerFile,
    testing::Values(ReferenceFile{"llama2/tokenizer.json", "tokenizer.json", "llama2-json"},
                    ReferenceFile{"llama2/tokenizer.model", "tokenizer.model", "llama2-model"},
                    ReferenceFile{"mistral/tokenizer.model.v1", "tokenizer.model", "mistral-v1"},
                    ReferenceFile{"sentencepiece/test_model.model", "tokenizer.model",
                                  "sentencepiece-test"},
                    ReferenceFile{"sentencepiece/test_ja_model.model", "tokenizer.model",
                                  "sentencepiece-test-ja"}));

TEST(ReferenceTokenizer, TohokuV3) {
  const fs::path folder = kReference / "tohoku-v3";
  if (!fs::exists(folder / "vocab.txt")) GTEST_SKIP() << "no " << folder;
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::open(folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0331");
    EXPECT_NE(error.remedy().find("unidic-lite"), std::string::npos);
    GTEST_SKIP() << error.what();
  }
  expect_as_library(*tokenizer, kData / "reference/tohoku-v3");
}

TEST(Tokenizer, SpecialsAndIds) {
  const auto tokenizer = Tokenizer::open(kData / "wordpiece-lower");
  EXPECT_EQ(tokenizer->specials_count(), 2u);
  EXPECT_EQ(tokenizer->with_specials(std::vector<int32_t>{7}), (std::vector<int32_t>{2, 7, 3}));
  EXPECT_EQ(tokenizer->begin_id(), 2);
  EXPECT_EQ(tokenizer->end_id(), 3);
  EXPECT_EQ(tokenizer->pad_id(), 0);
  EXPECT_EQ(tokenizer->unk_id(), 1);
  EXPECT_EQ(tokenizer->mask_id(), 4);
  EXPECT_EQ(tokenizer->token(4), "[MASK]");
  EXPECT_EQ(tokenizer->id("[MASK]"), 4);
  EXPECT_EQ(tokenizer->id("no such piece"), -1);
  EXPECT_EQ(tokenizer->token(1 << 20), "");
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{2, 4, 3, -5, 1 << 20}, true),
            "[CLS] [MASK] [SEP]");
  EXPECT_EQ(tokenizer->hash().size(), 64u);
  EXPECT_EQ(tokenizer->description(), "tokenizer.json (WordPiece, 1,800 pieces)");
}

TEST(Tokenizer, OffsetsPointIntoTheGivenText) {
  const auto tokenizer = Tokenizer::open(kData / "spm-xlmr");
  const std::string text = "ﾘﾝﾊﾟ節　転移";
  const Encoding encoding = tokenizer->encode(text);
  // ﾊ (bytes 6 to 8) and ﾟ became one character, which came from both: no token ends between them.
  for (const ByteRange& range : encoding.offsets) {
    EXPECT_NE(range.begin, 9u);
    EXPECT_NE(range.end, 9u);
  }
  EXPECT_EQ(encoding.offsets.front().begin, 0u);
  EXPECT_EQ(encoding.offsets.back().end, text.size());
}

TEST(Tokenizer, IllFormedTextIsReadAndCounted) {
  const auto tokenizer = Tokenizer::open(kData / "bpe-byte-level");
  const Encoding encoding = tokenizer->encode("骨\xFF\xE9\xAA転移");
  EXPECT_EQ(encoding.replaced, 2u);
  EXPECT_EQ(tokenizer->decode(encoding.ids), "骨\uFFFD\uFFFD転移");
  EXPECT_EQ(encoding.ids, tokenizer->encode("骨\uFFFD\uFFFD転移").ids);
  EXPECT_EQ(encoding.offsets.back().end, 3 + 1 + 2 + 6u);
}

TEST(Tokenizer, HashTellsFilesAndSettingsApart) {
  const auto a = Tokenizer::open(kData / "vocab-lower"), b = Tokenizer::open(kData / "vocab-lower");
  EXPECT_EQ(a->hash(), b->hash());
  EXPECT_NE(a->hash(), Tokenizer::open(kData / "vocab-cased")->hash());
}

class TokenizerThreads : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerThreads, GiveTheSameIds) {
  if (std::string(GetParam()).starts_with("japanese") && !has_ipadic())
    GTEST_SKIP() << "no mecab-ipadic-utf8 on this machine";
  const auto tokenizer = Tokenizer::open(kData / GetParam());
  std::vector<std::vector<int32_t>> want;
  for (size_t i = 0; i < 300; ++i) want.push_back(tokenizer->encode(strings()[i]).ids);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 300; ++i) wrong[t] += tokenizer->encode(strings()[i]).ids != want[i];
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerThreads,
                         testing::Values("spm-bpe", "spm-unigram", "bpe-split-regex",
                                         "japanese-ipadic"));

}  // namespace
}  // namespace gantry
