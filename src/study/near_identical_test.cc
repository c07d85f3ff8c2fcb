#include "study/near_identical.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/random.h"

namespace gantry {
namespace {

using Pairs = std::map<std::pair<size_t, size_t>, double>;

Pairs pairs_of(const std::vector<std::string>& texts, int64_t ngram, double threshold) {
  NearIdentical near(ngram, threshold);
  for (const std::string& text : texts) near.add(text);
  Pairs out;
  near.for_each_pair([](size_t i, size_t j) { return i < j; },
                     [&](size_t i, size_t j, double similarity) {
                       EXPECT_TRUE(out.emplace(std::pair(i, j), similarity).second);
                     });
  return out;
}

// The definition, over ASCII texts without white space.
Pairs pairs_by_definition(const std::vector<std::string>& texts, size_t ngram, double threshold) {
  std::vector<std::set<std::string>> grams(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    size_t n = std::min(ngram, texts[i].size());
    for (size_t k = 0; n > 0 && k + n <= texts[i].size(); ++k)
      grams[i].insert(texts[i].substr(k, n));
  }
  Pairs out;
  for (size_t i = 0; i < texts.size(); ++i)
    for (size_t j = i + 1; j < texts.size(); ++j) {
      if (grams[i].empty() || grams[j].empty()) continue;
      size_t common = 0;
      for (const auto& gram : grams[i]) common += grams[j].contains(gram);
      double jaccard = static_cast<double>(common) /
                       static_cast<double>(grams[i].size() + grams[j].size() - common);
      if (jaccard >= threshold - 1e-12) out[{i, j}] = jaccard;
    }
  return out;
}

TEST(NearIdentical, WidthCaseAndWhiteSpaceDoNotMatter) {
  Pairs pairs = pairs_of(
      {"骨転移を認めない。CT", "骨転移を\n認め ない。　ｃｔ", "肝転移を認めない。"}, 5, 0.9);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs.begin()->first, (std::pair<size_t, size_t>(0, 1)));
  EXPECT_EQ(pairs.begin()->second, 1);
}

TEST(NearIdentical, ShortAndEmptyTexts) {
  EXPECT_EQ(pairs_of({"", "なし", "", "なし", "な し", "あり"}, 5, 0.9).size(), 3u);
  EXPECT_TRUE(pairs_of({}, 5, 0.9).empty());
  EXPECT_TRUE(pairs_of({"", " "}, 5, 0.9).empty());
}

// Random texts with copies that were changed here and there, at several thresholds: exactly the
// pairs of the definition, with their similarities.
TEST(NearIdentical, EqualsTheDefinition) {
  Random random(7);
  for (double threshold : {0.5, 0.8, 0.9, 1.0})
    for (int64_t ngram : {1, 3, 5}) {
      std::vector<std::string> texts;
      for (int i = 0; i < 150; ++i) {
        std::string text;
        if (i % 3 == 0 || texts.empty()) {
          size_t length = random.below(60);
          for (size_t k = 0; k < length; ++k) text += static_cast<char>('a' + random.below(6));
        } else {
          text = texts[random.below(texts.size())];
          for (uint64_t edits = random.below(4); edits > 0 && !text.empty(); --edits)
            text[random.below(text.size())] = static_cast<char>('a' + random.below(6));
        }
        texts.push_back(text);
      }
      Pairs expected = pairs_by_definition(texts, static_cast<size_t>(ngram), threshold);
      Pairs found = pairs_of(texts, ngram, threshold);
      EXPECT_GT(expected.size(), 10u);
      EXPECT_EQ(found.size(), expected.size()) << threshold << " " << ngram;
      for (const auto& [pair, similarity] : expected)
        EXPECT_NEAR(found[pair], similarity, 1e-12)
            << texts[pair.first] << " " << texts[pair.second];
    }
}

TEST(NearIdentical, UnwantedPairsAreNotCompared) {
  NearIdentical near(5, 0.9);
  for (int i = 0; i < 4; ++i) near.add("同じ文章です。");
  int found = 0;
  near.for_each_pair([](size_t i, size_t) { return i == 0; },
                     [&](size_t i, size_t, double) {
                       EXPECT_EQ(i, 0u);
                       ++found;
                     });
  EXPECT_EQ(found, 3);
}

}  // namespace
}  // namespace gantry
