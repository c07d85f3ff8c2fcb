// What FineTuner::write_model writes opens as a Classifier and answers as the tuner did.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "infer/classifier.h"
#include "models/test_reports.h"
#include "train/fine_tune.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

std::vector<Example> reports(int n, uint64_t seed) { return random_reports(n, seed, 30, 40); }

struct Case {
  const char* name;
  const char* model;
  Precision precision;
  double tolerance;
  void (*change)(FineTuneSettings&);
};

void all_lora_targets(FineTuneSettings& s) {
  s.lora = {.rank = 4,
            .alpha = 8,
            .targets = {"query", "key", "value", "attention.output.dense", "intermediate.dense",
                        "output.dense"}};
  s.learning_rate = 1e-2;
}

const Case kCases[] = {
    {"Mean", "bert_mean", Precision::fp32, 0, [](FineTuneSettings&) {}},
    {"Bf16", "bert_mean", Precision::bf16, 0, [](FineTuneSettings& s) { s.precision = "bf16"; }},
    {"BertPooler", "bert_pooler", Precision::fp32, 0,
     [](FineTuneSettings& s) {
       s.pooling = "first";
       s.pooler = true;
     }},
    {"RobertaPooler", "roberta_pooler", Precision::fp32, 0,
     [](FineTuneSettings& s) {
       s.pooling = "first";
       s.pooler = true;
       s.window_pooling = "max";
     }},
    {"FirstToken", "xlmr_mean", Precision::fp32, 0,
     [](FineTuneSettings& s) { s.pooling = "first"; }},
    // Merged against unmerged: one sum in another order.
    {"LoraMerged", "bert_mean", Precision::fp32, 2e-6, all_lora_targets},
    // In bf16 the merged weight is rounded once more.
    {"LoraMergedBf16", "bert_mean", Precision::bf16, 2e-2,
     [](FineTuneSettings& s) {
       all_lora_targets(s);
       s.precision = "bf16";
     }},
};

class TrainedFolder : public testing::TestWithParam<Case> {};

TEST_P(TrainedFolder, AnswersAsTheTunerDid) {
  const Case& c = GetParam();
  std::string pattern = (fs::temp_directory_path() / "trained-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  FineTuneSettings s;
  s.classes = 3;
  s.epochs = 2;
  s.batch_reports = 4;
  s.learning_rate = 2e-3;
  s.precision = "fp32";
  c.change(s);
  const std::vector<Example> training = reports(24, 1), tuning = reports(12, 2);
  const ModelFolder base =
      ModelFolder::open(fs::path(GANTRY_SOURCE_DIR) / "tests/data/encoder" / c.model);
  FineTuner tuner(base, s, training, tuning, folder / "work");
  const RestartResult result = tuner.run(0);
  tuner.write_model({0}, folder / "model",
                    {.labels = {"none", "worse", "same"}, .prefix = "query: ", .temperature = 1.5});
  Classifier classifier = Classifier::open(folder / "model", c.precision);
  EXPECT_EQ(classifier.info().labels, (std::vector<std::string>{"none", "worse", "same"}));
  EXPECT_EQ(classifier.info().temperature, 1.5);
  EXPECT_EQ(classifier.info().prefix, "query: ");
  const std::vector<float> logits = classifier.logits(tuning);
  double d = 0, n = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    d += std::pow(logits[i] - result.tuning_logits[i], 2);
    n += std::pow(result.tuning_logits[i], 2);
  }
  EXPECT_LE(std::sqrt(d / n), c.tolerance);
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Settings, TrainedFolder, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gantry
