#include "workflow/occlusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace gantry {
namespace {

std::vector<std::string> pieces(const std::string& text, size_t most = 16) {
  std::vector<std::string> out;
  for (const auto& [begin, end] : clauses_to_leave_out(text, most))
    out.push_back(text.substr(begin, end - begin));
  return out;
}

TEST(Occlusion, ClausesEndAtStopsAndLinesAndNotInNumbers) {
  EXPECT_EQ(pieces("Thymoma, 6.8 cm, R1 at phrenic. PFT ok.\nMDT: PORT"),
            (std::vector<std::string>{"Thymoma,", "6.8 cm,", "R1 at phrenic.", "PFT ok.",
                                      "MDT:", "PORT"}));
  EXPECT_EQ(pieces("骨転移なし。肺に結節、増大。\n肝は正常"),
            (std::vector<std::string>{"骨転移なし。", "肺に結節、", "増大。", "肝は正常"}));
}

TEST(Occlusion, FewClausesAreCutIntoWordsAndManyAreJoined) {
  EXPECT_EQ(pieces("left breast cancer"), (std::vector<std::string>{"left", "breast", "cancer"}));
  std::string many;
  for (int i = 0; i < 40; ++i) many += "c" + std::to_string(i) + ". ";
  const auto joined = pieces(many, 16);
  EXPECT_EQ(joined.size(), 16u);
  size_t letters = 0;
  for (const auto& piece : joined) letters += piece.size();
  EXPECT_GT(letters, many.size() / 2);  // nothing is lost but white space between pieces
  EXPECT_TRUE(pieces("").empty());
}

TEST(Occlusion, TheClauseThatDecidesWeighsMostAndTheOthersAgainst) {
  Case item;
  item.text = item.baseline_text = "brain metastasis. lung clear. no pain.";
  size_t asked = 0;
  const auto spans = weigh_by_occlusion(item, [&](std::span<const Case> cases) {
    std::vector<double> out;
    for (const Case& one : cases) {
      ++asked;
      EXPECT_EQ(one.text.find("brain") == std::string::npos,
                one.baseline_text.find("brain") == std::string::npos);
      double p = 0.1;
      if (one.text.find("brain") != std::string::npos) p *= 8;
      if (one.text.find("lung") == std::string::npos) p *= 1.1;  // it spoke against the answer
      out.push_back(p);
    }
    return out;
  });
  EXPECT_EQ(asked, 4u);
  ASSERT_EQ(spans.size(), 1u);  // ln 1.1 is below 0.08 of ln 8
  EXPECT_EQ(item.text.substr(spans[0].begin, spans[0].end - spans[0].begin), "brain metastasis.");
  EXPECT_DOUBLE_EQ(spans[0].weight, 1);
}

TEST(Occlusion, SignsAndMissingAnswers) {
  Case item;
  item.text = "a b c";
  const auto spans = weigh_by_occlusion(item, [](std::span<const Case>) {
    return std::vector<double>{0.5, 0.25, 1.0, std::nan("")};
  });
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_DOUBLE_EQ(spans[0].weight, 1);   // ln 2 down without it
  EXPECT_DOUBLE_EQ(spans[1].weight, -1);  // ln 2 up
  item.text = "alone";
  EXPECT_TRUE(weigh_by_occlusion(item, [](std::span<const Case>) {
                return std::vector<double>{};
              }).empty());
}

}  // namespace
}  // namespace gantry
