#include "workflow/model_merge.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer_convert.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_export.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

const fs::path kSteps = fs::path(GANTRY_SOURCE_DIR) / "tests/data/pair-steps";
const std::vector<std::string> kTexts = {"the tumour is stable", "photon beams", "abc def ghi jkl"};

// The tiny model with a tokenizer of 96 pieces, so that it can read texts.
class MergedModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    work_ = fs::path(testing::TempDir()) / ("model-merge-" + std::to_string(getpid()));
    fs::remove_all(work_);
    fs::create_directories(work_ / "base");
    for (const char* file : {"config.json", "model.safetensors"})
      fs::copy_file(kSteps / GetParam() / file, work_ / "base" / file);
    GgufVocabulary v;
    v.model = "llama";
    v.tokens = {"<unk>", "<s>", "</s>", "\xE2\x96\x81"};
    v.kinds = {2, 3, 3, 1};
    for (int i = 0; v.tokens.size() < 96; ++i) {
      v.tokens.push_back(i < 26 ? std::string(1, static_cast<char>('a' + i))
                                : "w" + std::to_string(i));
      v.kinds.push_back(1);
    }
    v.scores.assign(96, -1.0f);
    v.begin = 1;
    v.end = 2;
    v.unk = 0;
    for (const auto& [file, content] : hugging_face_tokenizer(v, "", "t"))
      write_file_atomically(work_ / "base" / file, content);
  }
  void TearDown() override { fs::remove_all(work_); }

  fs::path work_;
};

TEST_P(MergedModel, AnswersAsTheBaseWithTheAdapterBeside) {
  const fs::path adapter = kSteps / GetParam() / "start";
  const MergeReport exact =
      merge_adapter(work_ / "base", adapter, work_ / "f32", StoredType::f32, kTexts);
  EXPECT_EQ(exact.check.texts, 3);
  EXPECT_GT(exact.check.tokens, 30);
  EXPECT_EQ(exact.check.precision, "fp32");
  EXPECT_LT(exact.check.largest, 1e-4);
  EXPECT_EQ(exact.check.same_next, 1);
  EXPECT_EQ(exact.weights_hash, DecoderFolder::open(work_ / "f32").weights_hash());
  const MergeReport rounded =
      merge_adapter(work_ / "base", adapter, work_ / "bf16", StoredType::bf16, kTexts);
  EXPECT_GT(rounded.check.largest, exact.check.largest);
  EXPECT_LT(rounded.check.mean, kLargestMeanDifference);
  EXPECT_THROW(merge_adapter(work_ / "base", adapter, work_ / "f32", StoredType::f32, kTexts),
               Error);
}

TEST_P(MergedModel, AWrongMergeIsSeen) {
  const DecoderFolder base = DecoderFolder::open(work_ / "base");
  const DecoderAdapter adapter = read_decoder_adapter(kSteps / GetParam() / "start");
  DecoderAdapter wrong = adapter;
  wrong.lora.alpha *= 4;
  write_decoder_folder(MergedDecoder(base, &wrong), StoredType::f32, work_ / "wrong", "t");
  EXPECT_GT(compare_merged(base, adapter, DecoderFolder::open(work_ / "wrong"), kTexts).mean,
            kLargestMeanDifference);
  // The base itself, unmerged, is not the tuned model either.
  EXPECT_GT(compare_merged(base, adapter, base, kTexts).mean, kLargestMeanDifference);
}

TEST_P(MergedModel, NothingToCompareOnIsRefused) {
  try {
    merge_adapter(work_ / "base", kSteps / GetParam() / "start", work_ / "out", StoredType::f32,
                  {"", "a"});
    // One letter is two tokens with the beginning: there is a place to compare.
    EXPECT_TRUE(fs::exists(work_ / "out"));
    merge_adapter(work_ / "base", kSteps / GetParam() / "start", work_ / "none", StoredType::f32,
                  {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0641");
    EXPECT_FALSE(fs::exists(work_ / "none"));
  }
}

TEST_P(MergedModel, WithoutATokenizerNothingIsWritten) {
  try {
    merge_adapter(kSteps / GetParam(), kSteps / GetParam() / "start", work_ / "out",
                  StoredType::f32, kTexts);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0320");
    EXPECT_FALSE(fs::exists(work_ / "out"));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MergedModel,
                         testing::Values("llama-tied-grouped", "llama-rslora", "mistral-window"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(TextsToCompareOn, AreTheBundledCasesOrAFiles) {
  setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 0);
  EXPECT_EQ(texts_for_comparison("").size(), 24u);
  const fs::path file = fs::path(testing::TempDir()) / ("texts-" + std::to_string(getpid()));
  write_file_atomically(file, "one\n\n  two \n");
  EXPECT_EQ(texts_of_file(file), (std::vector<std::string>{"one", "two"}));
  fs::remove(file);
  const fs::path lines = file.string() + ".jsonl";
  write_file_atomically(lines, "{\"text\": \"one\"}\n{\"words\": 2}\n");
  try {
    texts_of_file(lines);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0642");
    EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos);
  }
  fs::remove(lines);
}

}  // namespace
}  // namespace gantry
