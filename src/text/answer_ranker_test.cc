#include "text/answer_ranker.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

const std::vector<std::string> kTexts = {
    "adenocarcinoma of the prostate, Gleason 7", "prostate cancer, PSA 11",
    "left breast invasive ductal carcinoma",     "right breast carcinoma, lumpectomy",
    "bone metastasis at L3, prostate primary",   "metastasis of the iliac bone, painful"};
const std::vector<std::string> kCodes = {"C61", "C61", "C50.912", "C50.911", "C79.51", "C79.51"};

TEST(AnswerRanker, MajorityGivesSharesThatSumToOne) {
  const auto ranker = train_majority(kCodes);
  const auto ranked = ranker->rank("anything", 10);
  ASSERT_EQ(ranked.size(), 4u);
  EXPECT_EQ(ranked[0].answer, "C61");  // as frequent as C79.51: ties by answer
  EXPECT_DOUBLE_EQ(ranked[0].score, 2.0 / 6);
  EXPECT_EQ(ranked[1].answer, "C79.51");
  double sum = 0;
  for (const auto& answer : ranked) sum += answer.score;
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_TRUE(ranker->gives_probabilities());
}

TEST(AnswerRanker, NearestCaseIsTheCaseItself) {
  const auto ranker = train_nearest_case(kTexts, kCodes);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    const auto ranked = ranker->rank(kTexts[i], 1);
    ASSERT_EQ(ranked.size(), 1u);
    EXPECT_EQ(ranked[0].answer, kCodes[i]);
    EXPECT_NEAR(ranked[0].score, 1, 1e-12);
    EXPECT_EQ(ranked[0].because, "training case " + std::to_string(i + 1));
  }
  EXPECT_EQ(ranker->rank("painful metastasis of a bone", 4)[0].answer, "C79.51");
}

TEST(AnswerRanker, CharactersFindAShorthandThatWordsDoNot) {
  // "prost ca" shares no word with "prostate cancer, PSA 11".
  const auto words = train_nearest_case(kTexts, kCodes);
  const auto both = train_nearest_case(kTexts, kCodes, Likeness::kWordsAndCharacters);
  EXPECT_EQ(words->rank("prost ca", 1)[0].score, 0);
  EXPECT_EQ(both->rank("prost ca", 1)[0].answer, "C61");
  EXPECT_GT(both->rank("prost ca", 1)[0].score, 0);
  EXPECT_NEAR(both->rank(kTexts[2], 1)[0].score, 1, 1e-12);
}

TEST(AnswerRanker, NearestCaseOfWordsNeverSeenStillAnswers) {
  const auto ranked = train_nearest_case(kTexts, kCodes)->rank("xyzzy", 2);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].score, 0);
  EXPECT_EQ(ranked[0].answer, "C50.911");  // by answer
}

TEST(AnswerRanker, NgramRankerLearnsAndSumsToOne) {
  const auto ranker = train_ngram_ranker(kTexts, kCodes);
  const auto ranked = ranker->rank("right breast carcinoma", 10);
  ASSERT_EQ(ranked.size(), 4u);
  EXPECT_EQ(ranked[0].answer, "C50.911");
  double sum = 0;
  for (const auto& answer : ranked) sum += answer.score;
  EXPECT_NEAR(sum, 1, 1e-9);
}

// Texts with their concepts in a second block: S a shallow lesion, N an implant refused.
const std::vector<std::string> kRecords = {"helix 3 mm\x1eS",         "gland 40 cc\x1e-",
                                           "scar 4 mm\x1eS。-",       "seeds wanted\x1e-",
                                           "seeds unwelcome\x1eN。-", "no needles\x1e-。N"};
const std::vector<std::string> kModality = {"electron",      "brachytherapy", "electron",
                                            "brachytherapy", "photon",        "photon"};
const NgramRankerOptions kWithConcepts{.unit = NgramUnit::kCharacterInWord,
                                       .blocks = {{}, {.concepts = true, .weight = 0.8}}};

TEST(AnswerRanker, ConceptsSpeakWhereNoWordIsKnown) {
  const auto ranker = train_ngram_ranker(kRecords, kModality, kWithConcepts);
  EXPECT_EQ(ranker->rank("xyz\x1eS", 1)[0].answer, "electron");
  EXPECT_EQ(ranker->rank("xyz\x1e-。N", 1)[0].answer, "photon");
  // A sign counts alone, whatever stands beside it, and is no lower-case letter.
  EXPECT_EQ(ranker->rank("xyz\x1e-。-。S", 1)[0].answer, "electron");
  EXPECT_EQ(ranker->rank("xyz\x1es", 3)[0].score, ranker->rank("xyz\x1eq", 3)[0].score);
}

TEST(AnswerRanker, StoredRankersAnswerAlike) {
  std::vector<std::unique_ptr<AnswerRanker>> rankers;
  rankers.push_back(train_majority(kCodes));
  rankers.push_back(train_nearest_case(kTexts, kCodes));
  rankers.push_back(train_nearest_case(kTexts, kCodes, Likeness::kWordsAndCharacters));
  rankers.push_back(train_ngram_ranker(kTexts, kCodes));
  rankers.push_back(train_ngram_ranker(kRecords, kModality, kWithConcepts));
  for (const auto& ranker : rankers) {
    const std::string bytes = ranker->serialize();
    const auto read = parse_ranker(bytes);
    EXPECT_EQ(read->name(), ranker->name());
    EXPECT_EQ(read->gives_probabilities(), ranker->gives_probabilities());
    for (const std::string& text : {kTexts[0], kTexts[4], kRecords[0], kRecords[5]}) {
      const auto a = ranker->rank(text, 3), b = read->rank(text, 3);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].answer, b[i].answer);
        EXPECT_EQ(a[i].score, b[i].score);
      }
    }
    for (const std::string& bad : {bytes.substr(0, bytes.size() / 2), bytes.substr(0, 10),
                                   bytes.substr(0, 40) + "x" + bytes.substr(41), std::string()}) {
      try {
        parse_ranker(bad);
        FAIL() << ranker->name();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), "E0652");
      }
    }
  }
}

}  // namespace
}  // namespace gantry
