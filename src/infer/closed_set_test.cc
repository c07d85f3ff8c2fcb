// Closed sets and constrained beams against brute force on stories260K.
#include "infer/closed_set.h"

#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "infer/constrained.h"
#include "infer/stories_test.h"

namespace gantry {
namespace {

const std::vector<std::string> kCodes = {"C50",
                                         "C50.1",
                                         "C50.11",
                                         "C50.12",
                                         "C79.51",
                                         "C79.5",
                                         "C61",
                                         "D05.1",
                                         "D05",
                                         "photon",
                                         "photon and electron",
                                         "proton",
                                         "C5",
                                         "C34.90",
                                         "C34.91",
                                         "C34.9"};
const std::vector<std::string> kTexts = {"breast, left: ", "bone pain. ",
                                         "prostate, PSA 12: ", "a cat",
                                         "breast, right side, after surgery: "};

std::vector<std::vector<int32_t>> prompts_of(const LanguageModel& model) {
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& text : kTexts) {
    std::vector<int32_t> ids = {1};  // what all share is more than one page of the cache
    const auto rest =
        model.continuation_ids("You read notes and answer with a code. Note: " + text);
    ids.insert(ids.end(), rest.begin(), rest.end());
    prompts.push_back(ids);
  }
  return prompts;
}

// One whole sequence for each answer, softmax in double.
double brute_force(LanguageModel& model, const std::vector<int32_t>& prompt,
                   std::span<const int32_t> answer) {
  std::vector<int32_t> ids = prompt;
  ids.insert(ids.end(), answer.begin(), answer.end());
  ids.push_back(model.end_id());
  const std::vector<float> logits = model.logits(ids);
  const auto vocabulary = static_cast<size_t>(model.info().config.vocabulary);
  double sum = 0;
  for (size_t i = prompt.size(); i < ids.size(); ++i) {
    const float* row = logits.data() + (i - 1) * vocabulary;
    double all = 0;
    for (size_t j = 0; j < vocabulary; ++j) all += std::exp(static_cast<double>(row[j]));
    sum += static_cast<double>(row[ids[i]]) - std::log(all);
  }
  return sum;
}

// stories260K, the answers of kCodes and the prompts of kTexts.
class Answering : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_STORIES();
    folder_.emplace();
    folder_->write("tokenizer.json", stories::small_tokenizer());
    opened_.emplace(open());
    compiled_.emplace(AnswerTrie::compile(model().tokenizer(), model().end_id(), kCodes));
    prompts = prompts_of(model());
  }
  LanguageModel open() const { return LanguageModel::open(folder_->path()); }
  LanguageModel& model() { return *opened_; }
  const AnswerTrie& trie() const { return *compiled_; }

  std::vector<std::vector<int32_t>> prompts;

 private:
  std::optional<stories::Folder> folder_;
  std::optional<LanguageModel> opened_;
  std::optional<AnswerTrie> compiled_;
};
class ClosedSet : public Answering {};
class Constrained : public Answering {};

TEST_F(ClosedSet, EqualsBruteForceAndSumsToOne) {
  const auto scores = score_closed_set(model(), prompts, trie());
  ASSERT_EQ(scores.size(), prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::vector<double> want;
    for (size_t a = 0; a < trie().size(); ++a) {
      want.push_back(brute_force(model(), prompts[i], trie().tokens(a)));
      EXPECT_NEAR(scores[i].log_probability[a], want.back(), 1e-4) << kCodes[a];
    }
    const std::vector<double> p = answer_probabilities(want);
    for (size_t a = 0; a < p.size(); ++a) EXPECT_NEAR(scores[i].probability[a], p[a], 1e-5);
    const auto& got = scores[i].probability;
    EXPECT_NEAR(std::accumulate(got.begin(), got.end(), 0.0), 1.0, 1e-12);
    EXPECT_EQ(scores[i].best(),
              static_cast<size_t>(std::max_element(want.begin(), want.end()) - want.begin()));
  }
}

TEST_F(ClosedSet, ACaseAloneGivesTheBitsItHasAmongOthers) {
  const auto together = score_closed_set(model(), prompts, trie());
  const auto in_small_passes = score_closed_set(model(), prompts, trie(), {.pass_tokens = 1});
  for (size_t i = prompts.size(); i-- > 0;) {
    const auto alone = score_closed_set(model(), std::span(prompts).subspan(i, 1), trie());
    EXPECT_EQ(alone[0].log_probability, together[i].log_probability);
    EXPECT_EQ(in_small_passes[i].log_probability, together[i].log_probability);
  }
  LanguageModel fresh = open();
  EXPECT_EQ(score_closed_set(fresh, std::span(prompts).subspan(3, 1), trie())[0].log_probability,
            together[3].log_probability)
      << "a prompt of its own, nothing kept from other calls";
}

TEST_F(Constrained, ABeamAsWideAsTheListIsExact) {
  const auto whole = score_closed_set(model(), prompts, trie());
  const auto ranked = rank_answers(model(), prompts, trie(), {.beams = 64, .top = kCodes.size()});
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_TRUE(ranked[i].exact);
    ASSERT_EQ(ranked[i].answers.size(), kCodes.size());
    double last = 1;
    for (const ScoredAnswer& a : ranked[i].answers) {
      const auto at = static_cast<size_t>(a.index);
      EXPECT_EQ(a.log_probability, whole[i].log_probability[at]) << "the same sums, the same bits";
      EXPECT_NEAR(a.probability, whole[i].probability[at], 1e-12);
      EXPECT_DOUBLE_EQ(a.probability, a.probability_upper);
      EXPECT_LE(a.probability, last);
      last = a.probability;
    }
  }
}

TEST_F(Constrained, NarrowBeamsBoundTheExactShares) {
  const auto whole = score_closed_set(model(), prompts, trie());
  for (int beams : {1, 2, 4, 8}) {
    const auto ranked = rank_answers(model(), prompts, trie(), {.beams = beams, .top = 3});
    for (size_t i = 0; i < prompts.size(); ++i) {
      ASSERT_FALSE(ranked[i].answers.empty());
      for (const ScoredAnswer& a : ranked[i].answers) {
        const double exact = whole[i].probability[static_cast<size_t>(a.index)];
        EXPECT_LE(a.probability, exact + 1e-12);
        EXPECT_GE(a.probability_upper, exact - 1e-12);
      }
      if (beams == 8) {
        EXPECT_EQ(static_cast<size_t>(ranked[i].answers.front().index), whole[i].best());
      }
    }
  }
}

// What is ranked does not depend on how many prompts go together.
TEST_F(Constrained, APromptAloneGivesTheAnswersItHasAmongOthers) {
  const auto together = rank_answers(model(), prompts, trie(), {.beams = 3, .top = 4});
  const auto by_two = rank_answers(model(), prompts, trie(), {.beams = 3, .top = 4, .batch = 2});
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto alone =
        rank_answers(model(), std::span(prompts).subspan(i, 1), trie(), {.beams = 3, .top = 4});
    ASSERT_EQ(alone[0].answers.size(), together[i].answers.size());
    for (size_t a = 0; a < alone[0].answers.size(); ++a) {
      for (const ScoredAnswers* other : {&together[i], &by_two[i]}) {
        EXPECT_EQ(alone[0].answers[a].index, other->answers[a].index);
        EXPECT_EQ(alone[0].answers[a].log_probability, other->answers[a].log_probability);
      }
    }
  }
}

TEST_F(ClosedSet, PromptsThatDoNotFitAreRefused) {
  const auto code_of = [&](std::vector<int32_t> prompt) -> std::string {
    try {
      score_closed_set(model(), std::span(&prompt, 1), trie());
    } catch (const Error& error) {
      return error.code();
    }
    return "no error";
  };
  EXPECT_EQ(code_of({}), "E0763");
  EXPECT_EQ(code_of({1, 600}), "E0763");
  EXPECT_EQ(code_of({1, -1}), "E0763");
  EXPECT_EQ(code_of(std::vector<int32_t>(510, 5)), "E0763") << "no room for the longest answer";
  EXPECT_EQ(code_of(std::vector<int32_t>(400, 5)), "no error");
}

}  // namespace
}  // namespace gantry
