#include "infer/classifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "base/threads.h"
#include "weights/safetensors.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

fs::path tiny(const std::string& name) {
  return fs::path(GANTRY_SOURCE_DIR) / "tests/data/encoder" / name;
}

std::vector<Example> reports(int n, uint64_t seed) {
  Random random(seed);
  std::vector<Example> out;
  for (int i = 0; i < n; ++i) {
    Example e;
    const uint64_t windows = 1 + random.below(3);
    for (uint64_t w = 0; w < windows; ++w) {
      std::vector<int32_t> ids;
      const uint64_t length = 1 + random.below(38);
      for (uint64_t t = 0; t < length; ++t)
        ids.push_back(static_cast<int32_t>(5 + random.below(45)));
      e.windows.push_back(ids);
    }
    out.push_back(e);
  }
  return out;
}

double relative(const std::vector<float>& a, const std::vector<float>& b) {
  double d = 0, s = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    d += (a[i] - b[i]) * (a[i] - b[i]);
    s += b[i] * b[i];
  }
  return std::sqrt(d / s);
}

// A Hugging Face folder with a head and nothing else said opens as transformers would open it.
class HuggingFaceFolder : public testing::TestWithParam<const char*> {};

TEST_P(HuggingFaceFolder, AnswersAsTransformers) {
  const Safetensors expected = Safetensors::open(tiny(GetParam()) / "expected.safetensors");
  const auto tokens = expected.read_f32("tokens"), lengths = expected.read_f32("lengths"),
             windows = expected.read_f32("windows");
  std::vector<Example> examples;
  size_t token = 0, window = 0;
  for (float count : windows) {
    Example e;
    for (int w = 0; w < static_cast<int>(count); ++w) {
      const auto n = static_cast<std::ptrdiff_t>(lengths[window++]);
      const auto at = tokens.begin() + static_cast<std::ptrdiff_t>(token);
      e.windows.emplace_back(at, at + n);
      token += static_cast<size_t>(n);
    }
    examples.push_back(e);
  }
  const std::vector<float> want = expected.read_f32("logits");
  EXPECT_LE(relative(Classifier::open(tiny(GetParam()), Precision::fp32).logits(examples), want),
            2e-6);
  EXPECT_LE(relative(Classifier::open(tiny(GetParam()), Precision::bf16).logits(examples), want),
            3e-2);
  EXPECT_LE(relative(Classifier::open(tiny(GetParam()), Precision::int8).logits(examples), want),
            5e-2);
}

INSTANTIATE_TEST_SUITE_P(Models, HuggingFaceFolder,
                         testing::Values("bert_mean", "bert_pooler", "roberta_pooler"),
                         [](const auto& info) { return std::string(info.param); });

class EachPrecision : public testing::TestWithParam<Precision> {};

TEST_P(EachPrecision, AnswersDoNotDependOnBatchMates) {
  Classifier classifier = Classifier::open(tiny("bert_mean"), GetParam());
  const auto classes = static_cast<size_t>(classifier.info().classes);
  const std::vector<Example> all = reports(60, 3);
  const std::vector<float> together = classifier.logits(all);
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<float> alone = classifier.logits({&all[i], 1});
    for (size_t c = 0; c < classes; ++c) EXPECT_EQ(alone[c], together[i * classes + c]) << i;
  }
  std::vector<Example> turned(all.rbegin(), all.rend());
  const std::vector<float> backwards = classifier.logits(turned);
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t c = 0; c < classes; ++c)
      EXPECT_EQ(backwards[(all.size() - 1 - i) * classes + c], together[i * classes + c]);
}

TEST_P(EachPrecision, AnswersDoNotDependOnThreads) {
  Classifier classifier = Classifier::open(tiny("bert_mean"), GetParam());
  const std::vector<Example> all = reports(40, 4);
  const std::vector<float> expected = classifier.logits(all);
  const int threads = thread_count();
  for (int n : {1, 3}) {
    set_thread_count(n);
    EXPECT_EQ(classifier.logits(all), expected) << n;
  }
  set_thread_count(threads);
}

INSTANTIATE_TEST_SUITE_P(Precisions, EachPrecision,
                         testing::Values(Precision::fp32, Precision::bf16, Precision::int8),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// Gradient x input, summed over the tokens, against the change of the logit when all word
// embeddings are scaled: d logit / d s at s = 1, by finite differences over a changed weights file.
TEST(Attributions, SumToTheDerivativeOfScalingTheWords) {
  const fs::path from = tiny("bert_mean");
  std::string pattern = (fs::temp_directory_path() / "attribution-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  fs::copy(from / "config.json", folder / "config.json");
  const std::vector<Example> all = reports(3, 5);
  const auto logits_scaled = [&](float s) {
    const Safetensors weights = Safetensors::open(from / "model.safetensors");
    std::vector<NamedTensor> tensors;
    for (const StoredTensor& t : weights.tensors()) {
      tensors.push_back({t.name, t.shape, weights.read_f32(t.name)});
      if (t.name.ends_with("word_embeddings.weight"))
        for (float& w : tensors.back().values) w *= s;
    }
    write_safetensors(folder / "model.safetensors", tensors);
    return Classifier::open(folder, Precision::fp32).logits(all);
  };
  constexpr float kStep = 1e-2f;
  const std::vector<float> up = logits_scaled(1 + kStep), down = logits_scaled(1 - kStep);
  fs::remove_all(folder);
  Classifier classifier = Classifier::open(from, Precision::fp32);
  const auto classes = static_cast<size_t>(classifier.info().classes);
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t c = 0; c < classes; ++c) {
      double sum = 0;
      const auto weights = classifier.attributions(all[i], static_cast<int>(c));
      ASSERT_EQ(weights.size(), all[i].windows.size());
      for (size_t w = 0; w < weights.size(); ++w) {
        ASSERT_EQ(weights[w].size(), all[i].windows[w].size());
        for (float x : weights[w]) sum += x;
      }
      const double slope = (up[i * classes + c] - down[i * classes + c]) / (2 * kStep);
      EXPECT_NEAR(sum, slope, 2e-3 * (1 + std::abs(slope))) << i << " " << c;
    }
}

TEST(Classifier, SaysWhatIsWrong) {
  const auto code = [](const auto& act) {
    try {
      act();
    } catch (const Error& e) {
      return e.code();
    }
    return std::string("none");
  };
  EXPECT_EQ(code([] { precision_from("fp8"); }), "E0701");
  EXPECT_EQ(precision_from("auto"), Precision::automatic);
  Classifier classifier = Classifier::open(tiny("bert_mean"), Precision::fp32);
  const auto give = [&](std::vector<int32_t> window) {
    return code([&] {
      const Example e{.windows = {window}};
      classifier.logits({&e, 1});
    });
  };
  EXPECT_EQ(give({}), "E0703");
  EXPECT_EQ(give({-1}), "E0703");
  EXPECT_EQ(give({61}), "E0703");
  EXPECT_EQ(give(std::vector<int32_t>(41, 5)), "E0703");
  EXPECT_EQ(give(std::vector<int32_t>(40, 5)), "none");
  EXPECT_TRUE(classifier.logits({}).empty());
}

TEST(Probabilities, AreASoftmaxAtATemperature) {
  const std::vector<float> logits = {1, 2, 3, 1000, 0, 0};
  const std::vector<double> p = probabilities(logits, 3, 2);
  EXPECT_NEAR(p[2] / p[1], std::exp(0.5), 1e-12);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  EXPECT_NEAR(p[3], 1, 1e-12);
}

}  // namespace
}  // namespace gantry
