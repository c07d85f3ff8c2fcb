#include "text/rouge.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/porter_stemmer.h"

namespace gantry {
namespace {

using Json = nlohmann::json;

Json oracle() {
  std::ifstream in(GANTRY_SOURCE_DIR "/tests/data/stats/rouge.json");
  EXPECT_TRUE(in.good());
  return Json::parse(in);
}

void expect_score(const RougeScore& s, const Json& expected, const Json& row) {
  EXPECT_NEAR(s.precision, expected[0].get<double>(), 1e-12) << row.dump();
  EXPECT_NEAR(s.recall, expected[1].get<double>(), 1e-12) << row.dump();
  EXPECT_NEAR(s.f1, expected[2].get<double>(), 1e-12) << row.dump();
}

void expect_all(const Rouge& r, const Json& expected, const Json& row) {
  expect_score(r.rouge1, expected["rouge1"], row);
  expect_score(r.rouge2, expected["rouge2"], row);
  expect_score(r.rouge_l, expected["rougeL"], row);
  expect_score(r.rouge_lsum, expected["rougeLsum"], row);
}

TEST(Rouge, EnglishMatchesTheReferenceImplementation) {
  for (const auto& row : oracle()["english"]) {
    const std::string target = row["target"], prediction = row["prediction"];
    expect_all(rouge(target, prediction, english_rouge_tokens(false)), row["plain"], row);
    expect_all(rouge(target, prediction, english_rouge_tokens(true)), row["stem"], row);
  }
}

TEST(Rouge, CharactersMatchTheReferenceImplementationWithThatTokenizer) {
  for (const auto& row : oracle()["characters"]) {
    const std::string target = row["target"], prediction = row["prediction"];
    expect_all(rouge(target, prediction, character_rouge_tokens()), row["scores"], row);
  }
}

TEST(Rouge, TakesAnyTokenizer) {
  const RougeTokens morphemes = [](std::string_view text) {  // parted by '/', as by a tokenizer
    std::vector<std::string> tokens;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('/', begin), text.size());
      tokens.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return tokens;
  };
  const Rouge r = rouge("骨/転移/を/認める", "骨/転移/を/認め/ない", morphemes);
  EXPECT_DOUBLE_EQ(r.rouge1.recall, 3.0 / 4);
  EXPECT_DOUBLE_EQ(r.rouge1.precision, 3.0 / 5);
  EXPECT_DOUBLE_EQ(r.rouge2.recall, 2.0 / 3);
}

// The cuts are those of the mecab program with its IPA dictionary:
// 多発 骨 転移 を 認める 。 / 骨 転移 は 認め ない 。
TEST(Rouge, MorphemesAsMecabCutsThem) {
  RougeTokens tokens;
  try {
    tokens = morpheme_rouge_tokens("ipadic");
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(tokens("多発骨転移を認める。"),
            (std::vector<std::string>{"多発", "骨", "転移", "を", "認める", "。"}));
  const Rouge r = rouge("多発骨転移を認める。", "骨転移は認めない。", tokens);
  EXPECT_DOUBLE_EQ(r.rouge1.precision, 3.0 / 6);  // 骨, 転移 and the full stop
  EXPECT_DOUBLE_EQ(r.rouge1.recall, 3.0 / 6);
  EXPECT_DOUBLE_EQ(r.rouge2.f1, 1.0 / 5);  // 骨 転移
  EXPECT_DOUBLE_EQ(r.rouge_l.f1, 3.0 / 6);
}

TEST(Rouge, AMissingDictionaryIsSaid) {
  try {
    morpheme_rouge_tokens("no such dictionary");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0331");
  }
}

TEST(Rouge, JapaneseSentencesEndAtTheFullStop) {
  const auto tokens = character_rouge_tokens();
  const Rouge lines = rouge("甲乙。丙丁。", "丙丁。甲乙。", tokens);
  const Rouge stops =
      rouge("甲乙。丙丁。", "丙丁。甲乙。", tokens, SentenceEnd::kNewlineOrFullStop);
  EXPECT_LT(lines.rouge_lsum.f1, 1);
  EXPECT_DOUBLE_EQ(stops.rouge_lsum.f1, 1);
}

TEST(Rouge, SharedReferenceVectors) {
  std::ifstream in(GANTRY_SHARED_DIR "/reference/vectors/rouge/google_rouge_vectors.json");
  if (!in) GTEST_SKIP() << "the shared reference vectors are not on this machine";
  const Json data = Json::parse(in);
  const auto check = [](const Json& row, const std::string& name, const RougeScore& s) {
    if (!row.contains(name)) return;
    // ROUGE-1.5.5 printed five decimals.
    EXPECT_NEAR(s.precision, row[name]["p"].get<double>(), 1e-5) << name;
    EXPECT_NEAR(s.recall, row[name]["r"].get<double>(), 1e-5) << name;
    EXPECT_NEAR(s.f1, row[name]["f"].get<double>(), 1e-5) << name;
  };
  std::vector<Json> rows{data["multi"]};
  for (const char* part : {"pairs", "simple"}) {
    for (const auto& row : data[part]) rows.push_back(row);
  }
  for (const auto& row : rows) {
    for (const bool stem : {false, true}) {
      const Rouge r = rouge(row["target"].get<std::string>(), row["prediction"].get<std::string>(),
                            english_rouge_tokens(stem));
      const std::string suffix = stem ? "_stem" : "";
      check(row, "rouge1" + suffix, r.rouge1);
      check(row, "rouge2" + suffix, r.rouge2);
      check(row, "rougeL" + suffix, r.rouge_l);
      check(row, "rougeLsum" + suffix, r.rouge_lsum);
    }
  }
}

TEST(PorterStemmer, MatchesNltk) {
  for (const auto& row : oracle()["stems"]) {
    EXPECT_EQ(porter_stem(row[0].get<std::string>()), row[1].get<std::string>()) << row[0];
  }
}

}  // namespace
}  // namespace gantry
