#include "train/pretrain.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kMask = 4;

// Texts in which each word is followed by the next one of a circle: a masked word can be told from
// its neighbours.
std::vector<std::vector<int32_t>> texts(int n) {
  Random random(3);
  std::vector<std::vector<int32_t>> out;
  for (int i = 0; i < n; ++i) {
    std::vector<int32_t> ids = {2};
    const uint64_t begin = random.below(20), length = 8 + random.below(20);
    for (uint64_t t = 0; t < length; ++t)
      ids.push_back(static_cast<int32_t>(10 + (begin + t) % 20));
    ids.push_back(3);
    out.push_back(ids);
  }
  return out;
}

PretrainSettings tiny_settings(const std::string& precision) {
  PretrainSettings s;
  s.epochs = 12;
  s.tokens_a_step = 128;
  s.learning_rate = 3e-3;
  s.head_learning_rate = 3e-3;
  s.dropout = s.attention_dropout = 0.05;
  s.precision = precision;
  return s;
}

class Pretrain : public testing::TestWithParam<const char*> {};

TEST_P(Pretrain, LearnsAndAnInterruptedRunEndsInTheSameBits) {
  std::string pattern = (fs::temp_directory_path() / "pretrain-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  const ModelFolder base =
      ModelFolder::open(fs::path(GANTRY_SOURCE_DIR) / "tests/data/encoder/bert_mean");
  const auto windows = texts(60);
  const PretrainSettings s = tiny_settings(GetParam());
  const PretrainResult straight =
      pretrain(base, s, windows, kMask, folder / "work", folder / "straight");
  ASSERT_EQ(straight.epoch_losses.size(), 12u);
  EXPECT_LT(straight.epoch_losses.back(), 0.6 * straight.epoch_losses.front());
  EXPECT_GT(straight.useful_tokens_per_second, 0);

  int steps = 0, cuts = 0;
  const ProgressSink stop = [&](const Progress& p) {
    if (p.unit == "steps" && ++steps % 40 == 0) interrupted() = true;
  };
  PretrainResult cut;
  while (true) {
    try {
      cut = pretrain(base, s, windows, kMask, folder / "work", folder / "cut", stop);
      break;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), "E0104");
      interrupted() = false;
      ASSERT_LT(++cuts, 20);
    }
  }
  interrupted() = false;
  EXPECT_GE(cuts, 2);
  EXPECT_EQ(cut.step_losses, straight.step_losses);
  const ModelFolder a = ModelFolder::open(folder / "straight"),
                    b = ModelFolder::open(folder / "cut");
  a.check();
  for (const StoredTensor& t : encoder_tensors(base.config())) {
    EXPECT_EQ(a.read_f32(t.name), b.read_f32(t.name)) << t.name;
    EXPECT_NE(a.read_f32(t.name), base.read_f32(t.name)) << t.name;
  }
  // A second call finds the work done.
  steps = 0;
  EXPECT_EQ(pretrain(base, s, windows, kMask, folder / "work", folder / "cut", stop).step_losses,
            cut.step_losses);
  EXPECT_EQ(steps, 0);
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Precisions, Pretrain, testing::Values("fp32", "bf16"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gantry
