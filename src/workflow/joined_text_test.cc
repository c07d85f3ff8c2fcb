#include "workflow/joined_text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace gantry {
namespace {

const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

const std::vector<std::string> kCases = {"prostate cancer, PSA 11", "prostate cancer, PSA 12",
                                         "prostate cancer, PSA 19", "left breast cancer"};
const std::vector<std::string> kTexts = {
    "IMRT to the prostate, 79.2 Gy in 44 fractions", "IMRT to the prostate, 78 Gy in 39 fractions",
    "IMRT to the prostate and vesicles, 79.2 Gy in 44 fractions",
    "tangents to the left breast, 42.56 Gy in 16 fractions"};

TEST(JoinedText, TrustDecidesWhoseTextStands) {
  const auto neighbours = train_nearest_case(kCases, kTexts);
  const JoinedText joined(*neighbours, "prostate cancer", "HDR implant, 27 Gy in 2 fractions", {},
                          TextJudge(Settings()));
  EXPECT_EQ(joined.choose(1).text, "HDR implant, 27 Gy in 2 fractions");
  EXPECT_TRUE(joined.choose(1).by_model);
  EXPECT_DOUBLE_EQ(joined.choose(1).agreement, 1);
  EXPECT_EQ(joined.choose(0).text, kTexts[0]);  // what the three neighbours agree on most
  EXPECT_FALSE(joined.choose(0).by_model);
  EXPECT_LT(joined.choose(0.2).agreement, joined.choose(0).agreement);
}

TEST(JoinedText, NeighboursAloneWhereNothingWasWritten) {
  const auto neighbours = train_nearest_case(kCases, kTexts);
  const JoinedText joined(*neighbours, "left breast cancer", std::nullopt, {},
                          TextJudge(Settings()));
  EXPECT_EQ(joined.choose(1).text, kTexts[3]);
  EXPECT_FALSE(joined.choose(1).by_model);
}

TEST(JoinedText, ARegimenTakesOverTheSideOfTheDiagnosis) {
  Settings settings;
  settings.regimen.terms = "radiotherapy-terms.toml";
  const auto neighbours = train_nearest_case(kCases, kTexts);
  const JoinedText joined(*neighbours, "right breast cancer", std::nullopt, {},
                          TextJudge(settings));
  EXPECT_EQ(joined.choose(0).text, "tangents to the right breast, 42.56 Gy in 16 fractions");
}

TEST(JoinedText, ARegimenOfALikelyModalityCountsAsMoreAlike) {
  Settings settings;
  settings.regimen.terms = "radiotherapy-terms.toml";
  const TextJudge judge(settings);
  const std::vector<std::string> cases = {"prostate cancer left", "prostate cancer right",
                                          "skin of nose"};
  const std::vector<std::string> texts = {"VMAT to the prostate, 60 Gy in 20 fractions",
                                          "Permanent I-125 seed implant to the prostate, 145 Gy",
                                          "En face electrons to the nose, 50 Gy in 20 fractions"};
  const auto neighbours = train_nearest_case(cases, texts);
  const auto drafted = [&](const std::vector<RankedAnswer>& modalities) {
    return JoinedText(*neighbours, "prostate cancer", std::nullopt, modalities, judge)
        .choose(0)
        .text;
  };
  EXPECT_EQ(drafted({}), texts[0]);  // two are equally alike
  EXPECT_EQ(drafted({{"photon", 0.9, ""}, {"brachytherapy", 0.1, ""}}), texts[0]);
  EXPECT_EQ(drafted({{"brachytherapy", 0.9, ""}, {"photon", 0.1, ""}}), texts[1]);
  // What is not alike at all does not come in by its modality.
  EXPECT_NE(drafted({{"electron", 1, ""}, {"photon", 0, ""}}), texts[2]);
}

TEST(TextJudge, JapaneseTextIsCountedByCharacters) {
  Settings settings;
  EXPECT_EQ(TextJudge(settings).score("前立腺へ７８Ｇｙ照射", "前立腺へ78Gy").rouge1, 0);
  settings.regimen.rouge_tokens = "characters";
  // 8 of the answer's 8 characters, of the reference's 10.
  EXPECT_NEAR(TextJudge(settings).score("前立腺へ７８Ｇｙ照射", "前立腺へ78Gy").rouge1, 16 / 18.0,
              1e-12);
}

TEST(TextJudge, JapaneseTextIsCountedByMorphemesWhereADictionaryIs) {
  Settings settings;
  settings.regimen.rouge_tokens = "morphemes";
  try {
    const TextJudge judge(settings);
    EXPECT_EQ(judge.rouge_tokens().find("morphemes by MeCab ("), 0u) << judge.rouge_tokens();
    EXPECT_EQ(judge.score("骨転移を認める。", "骨転移を認める。").rouge1, 1);
    const double part = judge.score("骨転移を認める。", "骨転移は認めない。").rouge1;
    EXPECT_GT(part, 0);
    EXPECT_LT(part, 1);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0331");
    GTEST_SKIP() << error.what();
  }
}

TEST(JoinedText, TheWeightWithTheHighestMeanIsChosen) {
  std::vector<std::vector<double>> scores(2, std::vector<double>(model_weights().size(), 0.5));
  EXPECT_EQ(choose_model_weight(scores).model_weight, 1);  // of equals the model's
  scores[0][3] = 0.9;
  scores[1][7] = 0.8;
  const WeightChoice choice = choose_model_weight(scores);
  EXPECT_DOUBLE_EQ(choice.model_weight, 0.3);
  EXPECT_DOUBLE_EQ(choice.mean[3], 0.7);
  EXPECT_EQ(choose_model_weight({}).model_weight, 1);
}

}  // namespace
}  // namespace gantry
