// Damaged and hostile tokenizer files: each is an Error with its code, never a crash or a wrong id.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/json_scanner.h"
#include "text/mecab.h"
#include "text/protobuf_reader.h"
#include "text/sentencepiece.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_writer.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kData = fs::path(GANTRY_SOURCE_DIR) / "tests/data/tokenizers";

template <typename Run>
std::string code_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.code();
  }
  return "none";
}

std::string json_code(const std::string& text) {
  return code_of([&] { Tokenizer::from_json(text, "tokenizer.json"); });
}

// {"model": MODEL} with more fields in front.
std::string file(const std::string& model, const std::string& more = "") {
  return "{" + more + "\"model\": " + model + "}";
}

TEST(BadTokenizer, NotJson) {
  for (const char* text :
       {"", "{", "[]", "null", "{\"model\"", "{\"model\": {}", "{\"model\": {}} x",
        "{\"model\": {\"vocab\": {\"a\": 0x1}}}", "{\"model\": {\"vocab\": {\"a\\x\": 0}}}",
        "{\"model\": {\"vocab\": {\"a\xFF\": 0}}}", "{\"model\": {\"vocab\": {\"\\ud800\": 0}}}",
        "{\"model\": {\"vocab\": {\"a\n\": 0}}}", "{\"model\": {\"vocab\": {\"a\": 1.5}}}",
        "{\"model\": {\"vocab\": {\"a\": 99999999999999999999}}}",
        "{\"model\": {\"vocab\": [[\"a\"]]}}", "{\"model\": {\"vocab\": [[\"a\", 1e999]]}}",
        "{\"added_tokens\": [tru], \"model\": {}}",
        "{\"model\": {\"vocab\": {}, \"merges\": [\"a\"]}}",
        "{\"model\": {\"vocab\": {}, \"merges\": [\"a b c\"]}}"})
    EXPECT_EQ(json_code(text), "E0322") << text;
  EXPECT_EQ(json_code("{\"a\": " + std::string(100000, '[')), "E0322");
  EXPECT_EQ(json_code("{\"a\": " + std::string(1000, '[') + std::string(1000, ']') + "}"), "E0322");
}

TEST(BadTokenizer, MissingOrWrongFields) {
  for (const std::string& text :
       {std::string("{}"), file("{}"), file(R"({"type": "Unigram"})"),
        file(R"({"type": 3, "vocab": {}})"), file(R"({"type": "Unigram", "vocab": {"a": 0}})"),
        file(R"({"type": "Unigram", "vocab": [], "unk_id": 0})"),
        file(R"({"type": "Unigram", "vocab": [["a", -1]], "unk_id": 1})"),
        file(R"({"type": "Unigram", "vocab": [["a", -1]], "unk_id": "a"})"),
        file(R"({"type": "BPE", "vocab": [["a", -1]], "merges": []})"),
        file(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"})"),
        file(R"({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]"})"),
        file(R"({"type": "WordPiece", "vocab": {"[UNK]": 0}, "max_input_chars_per_word": -3})"),
        file(R"({"type": "WordLevel", "vocab": {"a": 0}})", R"("added_tokens": {"a": 1},)"),
        file(R"({"type": "WordLevel", "vocab": {"a": 0}})", R"("added_tokens": [{"id": 1}],)"),
        file(
            R"({"type": "WordLevel", "vocab": {"a": 0}})",
            R"("post_processor": {"type": "BertProcessing", "sep": ["x", 77], "cls": ["a", 0]},)")})
    EXPECT_EQ(json_code(text), "E0323") << text;
}

TEST(BadTokenizer, UnknownComponents) {
  EXPECT_EQ(json_code(file(R"({"type": "Oracle", "vocab": {"a": 0}})")), "E0321");
  EXPECT_EQ(json_code(file(R"({"type": "WordLevel", "vocab": {"a": 0}})",
                           R"("normalizer": {"type": "Rot13"},)")),
            "E0321");
}

TEST(BadTokenizer, VocabulariesThatContradictThemselves) {
  for (const std::string& text :
       {file(R"({"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []})"),
        file(R"({"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []})"),
        file(R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})"),
        file(R"({"type": "BPE", "vocab": {"a": 4000000000}, "merges": []})"),
        file(R"({"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]})"),
        file(R"({"type": "BPE", "vocab": {"a": 0, "ab": 1}, "merges": ["a b"]})"),
        file(R"({"type": "Unigram", "vocab": [["a", -1], ["a", -2]], "unk_id": 0})"),
        file(R"({"type": "Unigram", "vocab": [["a\u0000", -1]], "unk_id": 0})"),
        file(R"({"type": "Unigram", "vocab": [["a", 1e300]], "unk_id": 0})"),
        file(R"({"type": "WordLevel", "vocab": {"a": 0}})",
             R"("added_tokens": [{"id": 0, "content": "b"}],)"),
        file(R"({"type": "WordLevel", "vocab": {"a": 0}})",
             R"("added_tokens": [{"id": 4000000000, "content": "b"}],)")})
    EXPECT_EQ(json_code(text), "E0324") << text;
}

TEST(BadTokenizer, HolesAreNoHarm) {
  const auto tokenizer = Tokenizer::from_json(
      file(R"({"type": "WordLevel", "vocab": {"a": 5, "<unk>": 2}, "unk_token": "<unk>"})"), "t");
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->encode("a").ids, std::vector<int32_t>{5});
  EXPECT_EQ(tokenizer->encode("b").ids, std::vector<int32_t>{2});
  EXPECT_EQ(tokenizer->token(3), "");
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{5, 3, 5}), "a a");
  EXPECT_EQ(code_of([&] { tokenizer->check_fits(5); }), "E0330");
}

TEST(BadTokenizer, UnknownCharactersWithoutAnUnknownPiece) {
  const auto tokenizer =
      Tokenizer::from_json(file(R"({"type": "Unigram", "vocab": [["a", -1]]})"), "t");
  EXPECT_EQ(tokenizer->encode("aa").ids, (std::vector<int32_t>{0, 0}));
  EXPECT_EQ(code_of([&] { tokenizer->encode("骨"); }), "E0329");
}

// Every file of ours cut short at many places, and with single bytes changed.
TEST(BadTokenizer, CutAndChangedFiles) {
  for (const char* name : {"wordpiece-lower", "unigram", "bpe-words"}) {
    const std::string whole = read_file(kData / name / "tokenizer.json");
    for (size_t i = 1; i < 40; ++i)
      EXPECT_EQ(json_code(whole.substr(0, whole.size() * i / 40)), "E0322") << name << " " << i;
  }
  const std::string whole = read_file(kData / "spm-bpe/tokenizer.model");
  size_t refused = 0;
  for (size_t i = 0; i < 400; ++i) {
    std::string damaged = whole;
    damaged[(i * 7919) % whole.size()] = static_cast<char>(i * 31);
    if (i % 4 == 0) damaged.resize(whole.size() * (i + 1) / 401);
    const std::string code = code_of([&] {
      const TokenizerPipeline pipeline =
          read_sentencepiece(damaged, "tokenizer.model", SentencePieceIds::kOwn);
      Pieces pieces;
      pieces.text = aligned("骨転移は認めません。", nullptr);
      pipeline.normalizer->apply(pieces.text);
      pieces.pieces = {{0, static_cast<uint32_t>(pieces.text.text.size())}};
      pipeline.model->encode(pieces);
    });
    refused += code != "none";
    EXPECT_TRUE(code == "none" || (code >= "E0321" && code <= "E0329")) << code;
  }
  EXPECT_GT(refused, 20u);
}

TEST(BadTokenizer, SentencePieceOddities) {
  const auto code = [](const std::string& bytes) {
    return code_of([&] { read_sentencepiece(bytes, "m", SentencePieceIds::kOwn); });
  };
  EXPECT_EQ(code(""), "E0323");
  EXPECT_EQ(code("not a model at all"), "E0326");
  EXPECT_EQ(code("\x0A\xFF\xFF\xFF\xFF\x0F"), "E0326");
  EXPECT_EQ(code(std::string("\x80", 1)), "E0326");
  EXPECT_EQ(code("\x0A\x03\x0A\x01\x61"), "E0323");          // no unknown piece
  EXPECT_EQ(code("\x0A\x05\x0A\x01\x61\x18\x09"), "E0321");  // a kind of piece that is none
  EXPECT_EQ(code("\x0A\x05\x0A\x01\x61\x18\x02\x12\x02\x18\x03"), "E0321");      // a WORD model
  EXPECT_EQ(code("\x0A\x05\x0A\x01\x61\x18\x02\x12\x03\xC0\x01\x01"), "E0321");  // suffix spaces
  EXPECT_EQ(code_of([] {
              read_sentencepiece("\x0A\x05\x0A\x01\x61\x18\x02", "m", SentencePieceIds::kXlmR);
            }),
            "E0323");
}

class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(fs::path(testing::TempDir()) / ("bad-tokenizer-" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  void write(const char* name, const std::string& text) const {
    write_file_atomically(path_ / name, text);
  }
  std::string code() const {
    return code_of([&] { Tokenizer::open(path_); });
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(BadTokenizer, Folders) {
  TemporaryFolder folder;
  EXPECT_EQ(folder.code(), "E0320");
  folder.write("vocab.txt", "[UNK]\n[CLS]\n");
  EXPECT_EQ(folder.code(), "E0323");  // no [SEP]
  folder.write("vocab.txt", "[UNK]\n[CLS]\n\xFF\n[SEP]\n");
  EXPECT_EQ(folder.code(), "E0322");
  folder.write("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n");
  EXPECT_EQ(folder.code(), "none");
  EXPECT_EQ(Tokenizer::open(folder.path())->encode("a").ids, std::vector<int32_t>{3});
  folder.write("tokenizer_config.json", "[");
  EXPECT_EQ(folder.code(), "E0322");
  folder.write("tokenizer_config.json", R"({"do_lower_case": "yes"})");
  EXPECT_EQ(folder.code(), "E0323");
  for (const char* setting :
       {R"("word_tokenizer_type": "sudachi")", R"("subword_tokenizer_type": "sentencepiece")",
        R"("word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_option": "-d /x"})"}) {
    folder.write("tokenizer_config.json",
                 std::string(R"({"tokenizer_class": "BertJapaneseTokenizer", )") + setting + "}");
    EXPECT_EQ(folder.code(), "E0321") << setting;
  }
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab",
                   "mecab_kwargs": {"mecab_dic": "no-such-dictionary"}})");
  EXPECT_EQ(folder.code(), std::getenv("GANTRY_MECAB_DIC") ? "E0332" : "E0331");
  folder.write("vocab.json", R"({"a": 0, "b": 1})");
  folder.write("merges.txt", "#version: 0.2\na b\n");
  fs::remove(folder.path() / "vocab.txt");
  fs::remove(folder.path() / "tokenizer_config.json");
  EXPECT_EQ(folder.code(), "E0324");
  folder.write("merges.txt", "a\n");
  EXPECT_EQ(folder.code(), "E0322");
  folder.write("tokenizer.model", "x");
  EXPECT_EQ(folder.code(), "E0326");
  fs::copy_file(kData / "spm-bpe/tokenizer.model", folder.path() / "tokenizer.model",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(folder.code(), "none");
  folder.write("config.json", R"({"model_type": "roberta"})");
  EXPECT_EQ(folder.code(), "E0321");
  folder.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  EXPECT_EQ(folder.code(), "none");
  EXPECT_EQ(Tokenizer::open(folder.path())->specials_before().size(), 0u);
  EXPECT_EQ(Tokenizer::open(folder.path())->specials_after().size(), 1u);
  fs::copy_file(kData / "spm-xlmr/sentencepiece.bpe.model",
                folder.path() / "sentencepiece.bpe.model");
  folder.write("config.json", R"({"model_type": "camembert"})");
  EXPECT_EQ(folder.code(), "E0321");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})");
  folder.write("config.json", R"({"model_type": "bert"})");
  EXPECT_EQ(folder.code(), "none");
  EXPECT_EQ(Tokenizer::open(folder.path())->pad_id(), 1);
  folder.write("tokenizer.json", "x");
  EXPECT_EQ(folder.code(), "E0322");
}

TEST(BadTokenizer, MecabDictionaryOfAnotherFamily) {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "dic");
  folder.write("dic/sys.dic", "not a dictionary");
  folder.write("dic/dicrc", "; dicrc of UniDic\n");
  EXPECT_EQ(code_of([&] { find_mecab_dictionary("no-such-dictionary", folder.path()); }), "E0332");
  folder.write("dic/dicrc", "; Configuration file of IPADIC\n");
  const fs::path found = find_mecab_dictionary("ipadic", folder.path());
  EXPECT_EQ(found, folder.path() / "dic");
  EXPECT_EQ(code_of([&] { Mecab mecab(found, "ipadic"); }), "E0332");
}

TEST(TokenizerWriter, WritesWhatItReads) {
  const std::vector<std::string> pieces = {"<s>", "<pad>", "</s>", "<unk>", "▁",
                                           "骨",  "転移",  "▁a",   "ガ"};
  const std::vector<float> scores = {0, 0, 0, 0, -2, -3.5f, -4, -3, -5};
  const std::vector<std::pair<char32_t, std::u32string>> normalizer = {
      {U'\u3000', U" "}, {U'ａ', U"a"}, {U'①', U""}, {U'\u30A6', U"ガ"}};
  const std::string text = unigram_tokenizer_json(pieces, scores, 3, normalizer);
  const auto tokenizer = Tokenizer::from_json(text, "written");
  const auto ids = [&](const char* given) { return tokenizer->encode(given).ids; };
  EXPECT_EQ(ids("骨転移"), (std::vector<int32_t>{4, 5, 6}));
  EXPECT_EQ(ids("　骨　　ａ "), (std::vector<int32_t>{4, 5, 7}));
  EXPECT_EQ(ids("骨①ウx転移"), (std::vector<int32_t>{4, 5, 8, 3, 6}));
  EXPECT_EQ(ids("骨 <mask>"), (std::vector<int32_t>{4, 5, 9}));
  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->decode(ids("a 骨")), "a 骨");
  EXPECT_EQ(tokenizer->with_specials({}), (std::vector<int32_t>{0, 2}));

  const auto refuses = [&](auto... arguments) {
    return code_of([&] { unigram_tokenizer_json(arguments...); });
  };
  using Entries = std::vector<NormalizerEntry>;
  EXPECT_EQ(refuses(pieces, std::vector<float>{1}, 3, Entries{}), "E0325");
  EXPECT_EQ(refuses(pieces, scores, 9, Entries{}), "E0325");
  EXPECT_EQ(refuses(pieces, scores, 3, Entries{{"", "a"}}), "E0325");
  EXPECT_EQ(refuses(pieces, scores, 3, Entries{{"a", "b"}, {"a", "c"}}), "E0325");
  EXPECT_EQ(refuses(std::vector<std::string>{"a"}, std::vector<float>{0}, 0, Entries{}), "E0325");
}

}  // namespace
}  // namespace gantry
