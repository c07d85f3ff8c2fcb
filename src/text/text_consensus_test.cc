#include "text/text_consensus.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gantry {
namespace {

const std::vector<std::string> kTexts = {
    "electrons to the scar, 16 Gy in 4 fractions",
    "palliative radiotherapy to the spine, 30 Gy in 10 fractions",
    "palliative radiotherapy to the thoracic spine, 30 Gy in 10 fractions",
    "palliative radiotherapy to the spine, 20 Gy in 5 fractions"};

TEST(TextConsensus, WhatMostAgreeWithBeatsASomewhatHeavierStranger) {
  const TextConsensus consensus(kTexts, english_rouge_tokens(true));
  const double p[] = {0.34, 0.22, 0.22, 0.22};
  const auto choice = consensus.choose(p);
  EXPECT_EQ(choice.text, 1u);
  // By hand: the texts have 9, 10, 11 and 10 tokens; text 1 shares "to the", "gy in", "fractions"
  // with text 0, all 10 of its own with text 2, and 8 with text 3.
  EXPECT_NEAR(choice.agreement, 0.34 * 10 / 19 + 0.22 * 1 + 0.22 * 20 / 21 + 0.22 * 16 / 20, 1e-12);
}

TEST(TextConsensus, AllTrustInOneIsThatOne) {
  const TextConsensus consensus(kTexts, english_rouge_tokens(true));
  for (size_t i = 0; i < kTexts.size(); ++i) {
    std::vector<double> p(kTexts.size(), 0);
    p[i] = 1;
    EXPECT_EQ(consensus.choose(p).text, i);
    EXPECT_DOUBLE_EQ(consensus.choose(p).agreement, 1);
  }
}

TEST(TextConsensus, EqualTextsAgreeWhateverTheirTokens) {
  const TextConsensus consensus({"骨転移", "骨転移"}, english_rouge_tokens(true));
  const double p[] = {0.5, 0.5};
  EXPECT_DOUBLE_EQ(consensus.choose(p).agreement, 1);  // no token of a-z, 0-9 in them
}

TEST(TextConsensus, SoftmaxSumsToOneAndSharpensWithLowTemperature) {
  const double scores[] = {0.5, 0.4};
  const auto warm = softmax_of(scores, 0.1), cold = softmax_of(scores, 0.01);
  EXPECT_NEAR(warm[0], 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(warm[0] + warm[1], 1, 1e-12);
  EXPECT_GT(cold[0], 0.9999);
}

}  // namespace
}  // namespace gantry
