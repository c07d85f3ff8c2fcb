// What calls share: prompts kept from one call to the next, and answers scored in the pass of the
// search that wants them.
#include <numeric>
#include <optional>

#include "infer/closed_set.h"
#include "infer/constrained.h"
#include "infer/generation.h"
#include "infer/stories_test.h"
#include "models/decoder_inference.h"

namespace gantry {
namespace {

const std::vector<std::string> kLabels = {"photon", "proton", "electron"};

std::vector<std::string> many_codes() {
  std::vector<std::string> codes;
  for (char letter : {'C', 'D'})
    for (int chapter = 10; chapter < 50; chapter += 3)
      for (int digit = 0; digit < 10; digit += 2)
        codes.push_back(letter + std::to_string(chapter) + "." + std::to_string(digit) + "1");
  codes.push_back("C50");
  codes.push_back("C500000000");  // an only way of many tokens
  return codes;
}

class KeptPrompts : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_STORIES();
    folder_.emplace();
    folder_->write("tokenizer.json", stories::small_tokenizer());
    model.emplace(LanguageModel::open(folder_->path()));
  }
  LanguageModel fresh(const LanguageModelOptions& options = {}) const {
    return LanguageModel::open(folder_->path(), options);
  }
  // An instruction that all share, a case's text, a question.
  std::vector<std::vector<int32_t>> prompts(const std::string& question) const {
    std::vector<std::vector<int32_t>> out;
    for (const char* text : {"a small lump in the left breast", "pain of the back and the hip",
                             "PSA 12", "a small lump in the right breast", "a cat and a dog"}) {
      out.push_back({1});
      const auto rest = model->continuation_ids(std::string("You read notes and answer. Note: ") +
                                                text + "\n" + question);
      out.back().insert(out.back().end(), rest.begin(), rest.end());
    }
    return out;
  }
  AnswerTrie trie(const std::vector<std::string>& answers) const {
    return AnswerTrie::compile(model->tokenizer(), model->end_id(), answers);
  }
  static int64_t total(const std::vector<std::vector<int32_t>>& prompts) {
    int64_t sum = 0;
    for (const auto& prompt : prompts) sum += static_cast<int64_t>(prompt.size());
    return sum;
  }

  std::optional<LanguageModel> model;

 private:
  std::optional<stories::Folder> folder_;
};

TEST_F(KeptPrompts, TheNextQuestionReadsATextAgainOnlyFromWhereItDiffers) {
  const AnswerTrie labels = trie(kLabels);
  const auto first = prompts("Modality:"), second = prompts("What is the treatment regimen?");
  score_closed_set(*model, first, labels);
  const int64_t before = model->engine().computed_tokens();
  const auto again = generate(*model, second, {.max_tokens = 4});
  const int64_t computed = model->engine().computed_tokens() - before;

  LanguageModel other = fresh();
  const auto alone = generate(other, second, {.max_tokens = 4});
  for (size_t i = 0; i < second.size(); ++i) {
    EXPECT_EQ(again[i].ids, alone[i].ids);
    EXPECT_EQ(again[i].log_probability, alone[i].log_probability) << "the same bits";
  }
  // What the questions share of each text is not computed again.
  int64_t shared = 0;
  for (size_t i = 0; i < first.size(); ++i)
    shared +=
        std::mismatch(first[i].begin(), first[i].end(), second[i].begin()).first - first[i].begin();
  const int64_t of_answers = computed - (total(second) - shared);
  EXPECT_GE(of_answers, 0);
  EXPECT_LE(of_answers, 3 * 5) << "all but the last token of each answer";
}

TEST_F(KeptPrompts, EveryOrderOfQuestionsGivesTheSameBits) {
  const AnswerTrie labels = trie(kLabels), codes = trie(many_codes());
  const auto modality = prompts("Modality:"), code = prompts("Modality code:");
  LanguageModel other = fresh();
  const auto want_labels = score_closed_set(*model, modality, labels);
  const auto want_codes = rank_answers(*model, code, codes, {.beams = 4});
  const auto codes_first = rank_answers(other, code, codes, {.beams = 4});
  const auto labels_then = score_closed_set(other, modality, labels);
  for (size_t i = 0; i < modality.size(); ++i) {
    EXPECT_EQ(want_labels[i].log_probability, labels_then[i].log_probability);
    ASSERT_EQ(want_codes[i].answers.size(), codes_first[i].answers.size());
    for (size_t a = 0; a < want_codes[i].answers.size(); ++a) {
      EXPECT_EQ(want_codes[i].answers[a].index, codes_first[i].answers[a].index);
      EXPECT_EQ(want_codes[i].answers[a].log_probability,
                codes_first[i].answers[a].log_probability);
    }
  }
}

TEST_F(KeptPrompts, NothingPilesUp) {
  const AnswerTrie labels = trie(kLabels);
  const auto asked = prompts("Modality:");
  int64_t kept = 0;
  for (int call = 0; call < 20; ++call) {
    score_closed_set(*model, std::span(asked).subspan(static_cast<size_t>(call % 2), 3), labels);
    generate(*model, std::span(asked).first(2), {.max_tokens = 3});
    if (call == 1) kept = model->engine().tokens_kept();
    if (call > 1 && call % 2 == 1) {
      EXPECT_EQ(model->engine().tokens_kept(), kept) << "call " << call;
    }
  }
  EXPECT_LE(kept, model->kept_tokens());
  LanguageModel bounded = fresh({.cache_tokens = 512});
  EXPECT_EQ(bounded.kept_tokens(), 0);
  score_closed_set(bounded, asked, labels);
  const int64_t shared = static_cast<int64_t>(bounded.kept().shared.ids.size());
  EXPECT_LE(bounded.engine().tokens_kept(), shared + kPagePositions)
      << "a bounded cache keeps the shared beginning alone";
}

TEST_F(KeptPrompts, AnswersScoredBesideASearchAreThoseOfTheClosedSet) {
  const std::vector<std::string> list = many_codes();
  const AnswerTrie codes = trie(list);
  const auto asked = prompts("Code:");
  const auto whole = score_closed_set(*model, asked, codes);
  std::vector<std::vector<int32_t>> also;  // another choice for each prompt, for one none
  for (size_t i = 0; i < asked.size(); ++i) {
    also.emplace_back();
    for (size_t a = i; i != 2 && a < list.size(); a += 7 + i)
      also.back().push_back(static_cast<int32_t>(a));
  }
  also[4].push_back(static_cast<int32_t>(list.size()) - 1);
  for (int beams : {1, 5, 200}) {
    const RankSettings plain{.beams = beams, .top = 5};
    RankSettings with = plain;
    with.also = also;
    const auto without = rank_answers(*model, asked, codes, plain);
    const auto beside = rank_answers(*model, asked, codes, with);
    with.batch = 2;
    const auto by_two = rank_answers(*model, asked, codes, with);
    for (size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(beside[i].also.size(), also[i].size());
      EXPECT_TRUE(without[i].also.empty());
      for (size_t a = 0; a < also[i].size(); ++a)
        EXPECT_EQ(beside[i].also[a], whole[i].log_probability[static_cast<size_t>(also[i][a])]);
      EXPECT_EQ(beside[i].also, by_two[i].also);
      EXPECT_EQ(beside[i].dropped, without[i].dropped) << "the search finds the same";
      ASSERT_EQ(beside[i].answers.size(), without[i].answers.size());
      for (size_t a = 0; a < beside[i].answers.size(); ++a) {
        EXPECT_EQ(beside[i].answers[a].index, without[i].answers[a].index);
        EXPECT_EQ(beside[i].answers[a].log_probability, without[i].answers[a].log_probability);
        EXPECT_EQ(by_two[i].answers[a].index, without[i].answers[a].index);
      }
    }
  }
}

}  // namespace
}  // namespace gantry
