#include "text/tfidf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "text/ngram_classifier.h"

namespace gantry {
namespace {

nlohmann::json oracle() {
  std::ifstream in(GANTRY_SOURCE_DIR "/tests/data/stats/tfidf.json");
  EXPECT_TRUE(in.good());
  return nlohmann::json::parse(in);
}

TEST(Tfidf, MatchesScikitLearn) {
  const auto data = oracle();
  const std::vector<std::string> texts = data["texts"];
  for (const auto& c : data["cases"]) {
    TfidfOptions options;
    options.unit = c["unit"] == "character"           ? NgramUnit::kCharacter
                   : c["unit"] == "character_in_word" ? NgramUnit::kCharacterInWord
                                                      : NgramUnit::kWord;
    options.shortest = c["shortest"];
    options.longest = c["longest"];
    options.min_documents = c["min_documents"];
    options.lower_case = c["lower_case"];
    options.sublinear = c["sublinear"];
    options.smooth = c["smooth"];
    const Tfidf tfidf = Tfidf::fit(texts, options);
    const std::vector<std::string> vocabulary = c["vocabulary"];
    for (size_t i = 0; i < std::min(vocabulary.size(), tfidf.vocabulary().size()); ++i) {
      ASSERT_EQ(tfidf.vocabulary()[i], vocabulary[i]) << c["unit"];
    }
    ASSERT_EQ(tfidf.vocabulary().size(), vocabulary.size()) << c["unit"];
    const std::vector<double> idf = c["idf"];
    for (size_t i = 0; i < idf.size(); ++i) EXPECT_NEAR(tfidf.idf()[i], idf[i], 1e-12);
    for (size_t t = 0; t < texts.size(); ++t) {
      const SparseRow row = tfidf.transform(texts[t]);
      ASSERT_EQ(row.column, c["rows"][t][0].get<std::vector<int32_t>>()) << texts[t];
      const std::vector<double> value = c["rows"][t][1];
      for (size_t i = 0; i < value.size(); ++i) EXPECT_NEAR(row.value[i], value[i], 1e-12);
    }
  }
}

TEST(Tfidf, BytesThatAreNotUtf8StandForTheReplacementCharacter) {
  const std::vector<std::string> texts{"a\xFF", "a\xEF\xBF\xBD"};
  const Tfidf tfidf = Tfidf::fit(texts, {.longest = 1});
  EXPECT_EQ(tfidf.vocabulary(), (std::vector<std::string>{"a", "\xEF\xBF\xBD"}));
}

TEST(Tfidf, RefusesTextsThatShareNothing) {
  const std::vector<std::string> texts{"a", "b"};
  try {
    Tfidf::fit(texts);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0653");
  }
}

struct Reports {
  std::vector<std::string> text{"骨転移を認めません。",     "骨転移は認めません。",
                                "骨転移は増大しています。", "新たな骨転移、増大あり。",
                                "骨転移は縮小。",           "骨転移は縮小しています。"};
  std::vector<int> label{0, 0, 1, 1, 2, 2};
};

NgramClassifier classifier() {
  const Reports r;
  NgramClassifierOptions options;
  options.regression.c = 100;
  return NgramClassifier::fit(r.text, r.label, 3, options);
}

TEST(NgramClassifier, LearnsAndSaysWhy) {
  const NgramClassifier model = classifier();
  const std::vector<double> p = model.probabilities("多発骨転移の増大です。");
  EXPECT_GT(p[1], 0.5);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  const auto why = model.explain("多発骨転移の増大です。", 1, 3);
  ASSERT_EQ(why.size(), 3u);
  EXPECT_NE(why[0].text.find("増"), std::string::npos);
  EXPECT_GT(why[0].contribution, 0);
}

TEST(NgramClassifier, ContributionsByByteSumToTheLogit) {
  for (NgramUnit unit : {NgramUnit::kCharacter, NgramUnit::kCharacterInWord}) {
    const Reports r;
    NgramClassifierOptions options;
    options.blocks[0].tfidf = {.unit = unit, .shortest = 2};
    const auto m = NgramClassifier::fit(r.text, r.label, 3, options);
    const std::string text = "骨転移は  増大　ABC。";
    const std::vector<double> z = m.logits(text), by_byte = m.contribution_by_byte(text, 1);
    const auto mean = [](const std::vector<double>& v) {
      return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    };
    const std::vector<double>& b = m.regression().intercept;
    EXPECT_EQ(by_byte.size(), text.size());
    EXPECT_NEAR(std::accumulate(by_byte.begin(), by_byte.end(), 0.0),
                z[1] - mean(z) - (b[1] - mean(b)), 1e-9);
  }
}

TEST(NgramClassifier, ComesBackFromItsBytesUnchanged) {
  const NgramClassifier model = classifier();
  const std::string bytes = model.serialize();
  const NgramClassifier back = NgramClassifier::parse(bytes);
  EXPECT_EQ(back.serialize(), bytes);
  EXPECT_EQ(back.logits("骨転移は増大"), model.logits("骨転移は増大"));
}

TEST(NgramClassifier, RefusesDamagedBytes) {
  const std::string bytes = classifier().serialize();
  std::vector<std::string> bad{"", "GANTRY", bytes.substr(0, bytes.size() / 2),
                               bytes.substr(0, bytes.size() - 1), bytes + "x"};
  for (size_t i = 0; i < bytes.size(); i += 97) {
    bad.push_back(bytes);
    bad.back()[i] ^= 1;
  }
  for (const std::string& b : bad) EXPECT_THROW(NgramClassifier::parse(b), Error);
}

TEST(NgramClassifier, WeightsOfBlocksAreThoseOfTheirRows) {
  Reports r;
  std::vector<std::string> twice, halves;
  for (const std::string& text : r.text) {
    twice.push_back(text + kBlockSeparator + text);
    halves.push_back(text);
  }
  // Two equal blocks of weights a and b are one block of length sqrt(a^2 + b^2).
  NgramClassifierOptions two{.blocks = {{.weight = 0.6}, {.weight = 0.8}}}, one;
  const auto joined = NgramClassifier::fit(twice, r.label, 3, two);
  const auto single = NgramClassifier::fit(halves, r.label, 3, one);
  for (size_t i = 0; i < halves.size(); ++i) {
    const auto a = joined.logits(twice[i]), b = single.logits(halves[i]);
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(a[c], b[c], 1e-3) << i;
  }
  // A block of hardly any weight says hardly anything.
  two.blocks = {{.weight = 1}, {.weight = 1e-6}};
  const auto first = NgramClassifier::fit(twice, r.label, 3, two);
  const auto silent = first.logits(std::string(1, kBlockSeparator) + halves[0]);
  const auto nothing = first.logits(std::string(1, kBlockSeparator));
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(silent[c], nothing[c], 1e-6);
}

TEST(NgramClassifier, ChoosesCOnGroupsKeptApart) {
  Reports r;
  std::vector<std::string> text;
  std::vector<int> label;
  std::vector<int32_t> group;
  for (int i = 0; i < 60; ++i) {
    text.push_back(r.text[i % 6] + std::to_string(i));
    label.push_back(r.label[i % 6]);
    group.push_back(i / 4);
  }
  const std::vector<double> candidates{0.01, 1, 100};
  const CChoice grouped = choose_c(text, label, group, 3, {}, candidates, 3);
  ASSERT_EQ(grouped.c, candidates);
  EXPECT_EQ(grouped.chosen, 2u);  // clean data want little penalty
  EXPECT_LT(grouped.log_loss[2], grouped.log_loss[0]);
  EXPECT_NEAR(grouped.macro_f1[2], 1, 1e-12);
  const CChoice tuned = choose_c_on_tuning(text, label, r.text, r.label, 3, {}, candidates);
  EXPECT_EQ(tuned.chosen, 2u);
}

}  // namespace
}  // namespace gantry
