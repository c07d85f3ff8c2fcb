// Answers of SmolLM2-135M-Instruct against transformers on the decoded weights
// (tests/oracles/language_answers.py).
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "infer/closed_set.h"
#include "infer/constrained.h"
#include "infer/generation.h"
#include "weights/shelf.h"

namespace gantry {
namespace {

using nlohmann::json;

class SmolLm2 : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = default_shelf_folder() / "smollm2-135m-instruct";
    if (!std::filesystem::exists(folder_))
      GTEST_SKIP() << "smollm2-135m-instruct is not on the shelf";
    expected_ = json::parse(
        read_file(std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/answers/smollm2.json"));
    for (const json& c : expected_["cases"]) {
      prompts_.push_back(c["prompt"].get<std::vector<int32_t>>());
    }
  }
  // `tolerance` of logits and log-probabilities; greedy ids are compared where `ids`.
  void check(LanguageModel& model, double tolerance, bool ids) {
    for (const char* list : {"modalities", "codes"}) {
      const AnswerTrie trie =
          AnswerTrie::compile(model.tokenizer(), expected_["end"].get<int32_t>(),
                              expected_[list].get<std::vector<std::string>>());
      const auto scores = score_closed_set(model, prompts_, trie);
      const auto ranked = rank_answers(model, prompts_, trie, {.beams = 64, .top = trie.size()});
      for (size_t i = 0; i < prompts_.size(); ++i) {
        const auto want = expected_["cases"][i][list].get<std::vector<double>>();
        const std::vector<double> p = answer_probabilities(want);
        for (size_t a = 0; a < want.size(); ++a) {
          EXPECT_NEAR(scores[i].log_probability[a], want[a], tolerance * want.size());
          EXPECT_NEAR(scores[i].probability[a], p[a], tolerance);
        }
        for (const ScoredAnswer& a : ranked[i].answers) {
          EXPECT_EQ(a.log_probability, scores[i].log_probability[static_cast<size_t>(a.index)]);
        }
      }
    }
    for (size_t i = 0; i < prompts_.size(); ++i) {
      const json& c = expected_["cases"][i];
      const std::vector<float> logits = model.logits(prompts_[i]);
      const float* last = logits.data() + logits.size() - model.info().config.vocabulary;
      for (size_t k = 0; k < c["best"].size(); ++k) {
        EXPECT_NEAR(last[c["best"][k].get<size_t>()], c["logits"][k].get<double>(), tolerance);
      }
    }
    if (!ids) return;
    const auto answers = generate(model, prompts_, {.max_tokens = 24});
    for (size_t i = 0; i < prompts_.size(); ++i) {
      EXPECT_EQ(answers[i].ids, expected_["cases"][i]["greedy"].get<std::vector<int32_t>>());
      EXPECT_EQ(answers[i].stop == StopReason::kEnd, expected_["cases"][i]["ended"].get<bool>());
    }
  }

  std::filesystem::path folder_;
  json expected_;
  std::vector<std::vector<int32_t>> prompts_;
};

TEST_F(SmolLm2, DecodedWeightsGiveTheReferenceAnswers) {
  LanguageModel model = LanguageModel::open(folder_, {.precision = WeightPrecision::kFp32});
  check(model, 2e-3, true);
}

// The file's own 4-bit matrices beside rows of 8 (the default) and 16 bits, against rows of floats.
TEST_F(SmolLm2, RowsOf8BitsAreTheDefaultAndAnswerAlike) {
  const auto opened = [&](ActivationPrecision rows) {
    return LanguageModel::open(folder_, {.activations = rows});
  };
  LanguageModel exact = opened(ActivationPrecision::kExact),
                wide = opened(ActivationPrecision::kInt16),
                narrow = opened(ActivationPrecision::kInt8), plain = LanguageModel::open(folder_);
  for (const char* list : {"modalities", "codes"}) {
    const AnswerTrie trie = AnswerTrie::compile(exact.tokenizer(), expected_["end"].get<int32_t>(),
                                                expected_[list].get<std::vector<std::string>>());
    const auto scores_of = [&](LanguageModel& model) {
      return score_closed_set(model, prompts_, trie);
    };
    const auto want = scores_of(exact), near = scores_of(wide), rough = scores_of(narrow),
               got = scores_of(plain);
    for (size_t i = 0; i < prompts_.size(); ++i) {
      EXPECT_EQ(got[i].log_probability, rough[i].log_probability);
      EXPECT_EQ(rough[i].best(), want[i].best());
      for (size_t a = 0; a < trie.size(); ++a) {
        EXPECT_NEAR(near[i].probability[a], want[i].probability[a], 1e-3);
        EXPECT_NEAR(rough[i].probability[a], want[i].probability[a], 0.2);
        EXPECT_NE(rough[i].log_probability[a], want[i].log_probability[a]);
      }
    }
  }
}

}  // namespace
}  // namespace gantry
