// Decoders written out: blocks against the gguf package (tests/oracles/gguf_encode.py), every
// tensor and the tokenizer back from what was written. That other programs open the files with the
// same answers is checked by `./run check-slow adapters`.
#include "weights/decoder_export.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer_convert.h"
#include "weights/block_encode.h"
#include "weights/decoder_tokenizer.h"
#include "weights/gguf_writer.h"
#include "weights/test_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kSource = GANTRY_SOURCE_DIR;
const fs::path kSteps = kSource / "tests/data/pair-steps";
const fs::path kReference = fs::path(GANTRY_SHARED_DIR) / "reference/tokenizers";

class ExportFolder {
 public:
  ExportFolder()
      : path_(fs::path(testing::TempDir()) / ("decoder-export-" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~ExportFolder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::vector<uint8_t> from_hex(const std::string& hex) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

TEST(BlockEncode, GivesTheBytesOfTheGgufPackage) {
  const json cases = json::parse(read_file(kSource / "tests/data/weights/gguf-encode.json"));
  const auto values = cases["values"].get<std::vector<float>>();
  for (const BlockType type :
       {BlockType::f32, BlockType::f16, BlockType::bf16, BlockType::q8_0, BlockType::q4_0}) {
    const std::vector<uint8_t> want = from_hex(cases[std::string(name_of(type))]);
    std::vector<uint8_t> got(values.size() / static_cast<size_t>(block_elements(type)) *
                             static_cast<size_t>(block_bytes(type)));
    floats_to_blocks(type, values, got);
    EXPECT_EQ(got, want) << name_of(type);
    EXPECT_TRUE(can_encode(type));
    EXPECT_EQ(block_type_of(ggml_id_of(type)), type);
  }
  EXPECT_FALSE(can_encode(BlockType::q4_k));
}

TEST(GgufWriter, WhatIsWrittenIsRead) {
  const ExportFolder out;
  const GgufMetadata metadata = {{"general.architecture", std::string("llama")},
                                 {"a.flag", true},
                                 {"a.number", int64_t{7}},
                                 {"a.large", int64_t{1} << 40},
                                 {"a.negative", int64_t{-3}},
                                 {"a.real", 0.5},
                                 {"a.flags", std::vector<bool>{true, false}},
                                 {"a.numbers", std::vector<int64_t>{1, -2}},
                                 {"a.reals", std::vector<double>{1.5, -0.25}},
                                 {"a.texts", std::vector<std::string>{"x", ""}}};
  GgufWriter writer(out / "f.gguf", metadata,
                    {{"odd", BlockType::f32, {3}},
                     {"m", BlockType::q8_0, {2, 32}},
                     {"h", BlockType::f16, {1, 5}}});
  std::vector<float> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 32) - 12;
  writer.append(std::vector<float>{1, 2, 3});
  writer.append(std::span(values).first(32));
  writer.append(std::span(values).subspan(32));
  writer.append(std::vector<float>{1, 2, 4, 8, 16});
  writer.commit();
  const GgufFile file = GgufFile::open(out / "f.gguf");
  for (const auto& [key, value] : metadata) EXPECT_EQ(file.metadata().at(key), value) << key;
  EXPECT_EQ(file.metadata().size(), metadata.size());
  EXPECT_EQ(file.read_f32("odd"), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(file.read_f32("h"), (std::vector<float>{1, 2, 4, 8, 16}));
  const std::vector<float> m = file.read_f32("m");
  for (size_t i = 0; i < m.size(); ++i) EXPECT_NEAR(m[i], values[i], 19.0 / 127 / 2 + 1e-2);
}

void expect_same_tensors(const DecoderFolder& a, const DecoderFolder& b) {
  for (const DecoderTensorShape& t : decoder_tensors(a.config()))
    EXPECT_EQ(a.read_f32(t.name), b.read_f32(t.name)) << t.name;
}

void expect_same_shape(const DecoderConfig& a, const DecoderConfig& b) {
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.heads, b.heads);
  EXPECT_EQ(a.kv_heads, b.kv_heads);
  EXPECT_EQ(a.head_size, b.head_size);
  EXPECT_EQ(a.mlp, b.mlp);
  EXPECT_EQ(a.vocabulary, b.vocabulary);
  EXPECT_EQ(a.context, b.context);
  EXPECT_EQ(a.window, b.window);
  EXPECT_EQ(a.tied, b.tied);
  EXPECT_FLOAT_EQ(static_cast<float>(a.rope_base), static_cast<float>(b.rope_base));
  EXPECT_FLOAT_EQ(static_cast<float>(a.norm_eps), static_cast<float>(b.norm_eps));
  EXPECT_EQ(a.bos_id, b.bos_id);
  EXPECT_EQ(a.eos_ids, b.eos_ids);
}

// A folder with the tiny model and a tokenizer of 96 pieces.
fs::path with_tokenizer(const ExportFolder& out, const std::string& name) {
  const fs::path folder = out / ("base-" + name);
  fs::create_directories(folder);
  for (const char* file : {"config.json", "model.safetensors"})
    fs::copy_file(kSteps / name / file, folder / file);
  GgufVocabulary v;
  v.model = "llama";
  v.tokens = {"<unk>", "<s>", "</s>"};
  v.kinds = {2, 3, 3};
  for (int i = 0; v.tokens.size() < 96; ++i) {
    v.tokens.push_back(i < 26 ? std::string(1, static_cast<char>('a' + i))
                              : "w" + std::to_string(i));
    v.kinds.push_back(1);
  }
  for (size_t i = 0; i < 96; ++i) v.scores.push_back(-static_cast<float>(i));
  v.begin = 1;
  v.end = 2;
  v.unk = 0;
  for (const auto& [file, content] : hugging_face_tokenizer(v, "", "t"))
    write_file_atomically(folder / file, content);
  return folder;
}

class ExportedDecoder : public testing::TestWithParam<const char*> {};

TEST_P(ExportedDecoder, AGgufFileAndAFolderHoldTheSameModel) {
  const ExportFolder out;
  const DecoderFolder base = DecoderFolder::open(with_tokenizer(out, GetParam()));
  const GgufExport written =
      write_decoder_gguf(MergedDecoder(base, nullptr), BlockType::f32, out / "m.gguf", "tiny");
  EXPECT_EQ(written.as_f16, 0);
  EXPECT_EQ(written.remark.empty(), base.config().window == 0);
  const DecoderFolder gguf = DecoderFolder::open(out / "m.gguf");
  gguf.check();
  expect_same_shape(base.config(), gguf.config());
  expect_same_tensors(base, gguf);
  EXPECT_EQ(open_decoder_tokenizer(gguf)->encode("abc w30 Z").ids,
            open_decoder_tokenizer(base)->encode("abc w30 Z").ids);
  // And from the GGUF back into a folder.
  write_decoder_folder(MergedDecoder(gguf, nullptr), StoredType::f32, out / "again", "tiny");
  const DecoderFolder again = DecoderFolder::open(out / "again");
  again.check();
  expect_same_shape(base.config(), again.config());
  expect_same_tensors(base, again);
  EXPECT_EQ(open_decoder_tokenizer(again)->encode("abc w30 Z").ids,
            open_decoder_tokenizer(base)->encode("abc w30 Z").ids);
  EXPECT_THROW(
      write_decoder_folder(MergedDecoder(gguf, nullptr), StoredType::f32, out / "again", "t"),
      Error);
  EXPECT_THROW(
      write_decoder_gguf(MergedDecoder(base, nullptr), BlockType::f32, out / "m.gguf", "t"), Error);
}

TEST_P(ExportedDecoder, AnAdapterIsMergedInFloat32) {
  const ExportFolder out;
  const DecoderFolder base = DecoderFolder::open(kSteps / GetParam());
  const DecoderAdapter adapter = read_decoder_adapter(kSteps / GetParam() / "start");
  write_decoder_folder(MergedDecoder(base, &adapter), StoredType::f32, out / "merged", "tiny");
  const DecoderFolder merged = DecoderFolder::open(out / "merged");
  size_t changed = 0;
  for (const DecoderTensorShape& t : decoder_tensors(base.config())) {
    std::vector<float> want = base.read_f32(t.name);
    for (const LoraModule& m : adapter.lora.modules) {
      if (m.module + ".weight" != t.name) continue;
      ++changed;
      for (int64_t o = 0; o < m.out; ++o)
        for (int64_t i = 0; i < m.in; ++i) {
          double sum = 0;
          for (int64_t r = 0; r < m.rank; ++r)
            sum += static_cast<double>(m.b[static_cast<size_t>(o * m.rank + r)]) *
                   static_cast<double>(m.a[static_cast<size_t>(r * m.in + i)]);
          want[static_cast<size_t>(o * m.in + i)] +=
              static_cast<float>(adapter.lora.scale_of(m) * sum);
        }
    }
    const std::vector<float> got = merged.read_f32(t.name);
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-6f) << t.name;
  }
  EXPECT_EQ(changed, adapter.lora.modules.size());
}

INSTANTIATE_TEST_SUITE_P(Models, ExportedDecoder,
                         testing::Values("llama-tied-grouped", "llama-rslora", "mistral-window"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(ExportedDecoder, BlocksAndHalvesWhereTheShapeAllows) {
  const ExportFolder out;
  const DecoderFolder base = DecoderFolder::open(with_tokenizer(out, "llama-tied-grouped"));
  for (const auto& [type, bound] :
       {std::pair{BlockType::q8_0, 0.004}, std::pair{BlockType::q4_0, 0.07},
        std::pair{BlockType::bf16, 0.004}}) {
    const fs::path file = out / (std::string(name_of(type)) + ".gguf");
    write_decoder_gguf(MergedDecoder(base, nullptr), type, file, "tiny");
    const DecoderFolder got = DecoderFolder::open(file);
    EXPECT_EQ(got.tensor("model.layers.0.mlp.up_proj.weight").type, type);
    EXPECT_EQ(got.tensor("model.norm.weight").type, BlockType::f32);
    EXPECT_EQ(got.tensor("model.embed_tokens.weight").type,
              type == BlockType::q4_0 ? BlockType::q8_0 : type);
    const auto a = base.read_f32("model.layers.1.self_attn.q_proj.weight");
    const auto b = got.read_f32("model.layers.1.self_attn.q_proj.weight");
    double difference = 0, norm = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i] - b[i]), 2);
      norm += std::pow(static_cast<double>(a[i]), 2);
    }
    EXPECT_LT(std::sqrt(difference / norm), bound * 1.5) << name_of(type);
  }
}

void expect_same_ids(const Tokenizer& a, const Tokenizer& b) {
  const json strings = json::parse(read_file(kSource / "tests/data/tokenizers/strings.json"));
  for (const json& s : strings)
    EXPECT_EQ(a.with_specials(a.encode(s.get<std::string>()).ids),
              b.with_specials(b.encode(s.get<std::string>()).ids))
        << s;
}

TEST(ConvertedTokenizer, SentencePieceThereAndBack) {
  const fs::path file = kReference / "llama2/tokenizer.model";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const ExportFolder out;
  fs::create_directories(out / "a");
  fs::create_directories(out / "b");
  fs::copy_file(file, out / "a/tokenizer.model");
  const auto given = Tokenizer::open(out / "a");
  const GgufVocabulary v = gguf_vocabulary_of_folder(out / "a", -1, -1);
  EXPECT_EQ(v.model, "llama");
  EXPECT_EQ(v.begin, 1);
  EXPECT_EQ(v.end, 2);
  expect_same_ids(*given, *open_gguf_tokenizer(v, "t"));
  for (const auto& [name, content] : hugging_face_tokenizer(v, "{{x}}", "t"))
    write_file_atomically(out / ("b/" + name), content);
  expect_same_ids(*given, *Tokenizer::open(out / "b"));
}

TEST(ConvertedTokenizer, MergesInTheOrderOfIdsAreScores) {
  const fs::path file = kReference / "llama2/tokenizer.json";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  const ExportFolder out;
  fs::create_directories(out / "a");
  fs::copy_file(file, out / "a/tokenizer.json");
  const GgufVocabulary v = gguf_vocabulary_of_folder(out / "a", 1, 2);
  EXPECT_EQ(v.model, "llama");
  const auto a = Tokenizer::open(out / "a"), b = open_gguf_tokenizer(v, "t");
  const json strings = json::parse(read_file(kSource / "tests/data/tokenizers/strings.json"));
  size_t same = 0;
  for (const json& s : strings)
    same += a->encode_plain(s.get<std::string>()).ids == b->encode_plain(s.get<std::string>()).ids;
  // Of equal merges the scores take the left one first, the list of merges the better one.
  EXPECT_GE(same * 100, strings.size() * 99);
}

TEST(ConvertedTokenizer, ByteLevelThereAndBack) {
  const char* models = std::getenv("GANTRY_MODELS");
  const char* home = std::getenv("HOME");
  const fs::path folder =
      (models ? fs::path(models) : fs::path(home ? home : "") / ".local/share/gantry/models") /
      "smollm2-135m-instruct";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  const ExportFolder out;
  const DecoderFolder base = DecoderFolder::open(folder);
  const GgufVocabulary given = gguf_vocabulary(*base.gguf(), "t");
  fs::create_directories(out / "a");
  for (const auto& [name, content] : hugging_face_tokenizer(given, chat_template_text(base), "t"))
    write_file_atomically(out / ("a/" + name), content);
  const auto tokenizer = open_decoder_tokenizer(base);
  expect_same_ids(*tokenizer, *Tokenizer::open(out / "a"));
  const GgufVocabulary again = gguf_vocabulary_of_folder(out / "a", -1, -1);
  EXPECT_EQ(again.pre, "smollm");
  EXPECT_EQ(again.begin, given.begin);
  EXPECT_EQ(again.end, given.end);
  expect_same_ids(*tokenizer, *open_gguf_tokenizer(again, "t"));
}

}  // namespace
}  // namespace gantry
