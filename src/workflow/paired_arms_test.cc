#include "workflow/paired_arms.h"

#include <gtest/gtest.h>

namespace gantry {
namespace {

// Codes: three cases, two arms.
QuestionArms codes() {
  QuestionArms q;
  q.kind = AnswerKind::kCodes;
  static const Case kCase;
  q.cases = {&kCase, &kCase, &kCase, &kCase};
  q.truth = {"C50.412", "C61", "C79.51", "C34.11"};
  q.patient = {0, 1, 2, 3};
  Arm a{.role = ArmRole::kServed, .name = "first"}, b{.role = ArmRole::kOriginal, .name = "second"};
  for (const char* code : {"C50.412", "C61", "C79.51", "C34.12"}) a.ranked.push_back({{code, 0.9}});
  for (const char* code : {"C50.411", "C62", "C50.9", ""})
    b.ranked.push_back(*code ? std::vector<RankedProbability>{{code, 0.5}}
                             : std::vector<RankedProbability>{});
  q.arms = {a, b};
  return q;
}

TEST(PairedArms, CodesScoreByTheirCharacters) {
  const QuestionArms q = codes();
  EXPECT_EQ(case_scores(q, q.arms[0], CaseScore::kGraded), (std::vector<double>{1, 1, 1, 2.0 / 3}));
  EXPECT_EQ(case_scores(q, q.arms[1], CaseScore::kGraded), (std::vector<double>{2.0 / 3, 0, 0, 0}));
  EXPECT_EQ(case_scores(q, q.arms[0], CaseScore::kRight), (std::vector<double>{1, 1, 1, 0}));
}

TEST(PairedArms, OneSidedTestEffectAndDifference) {
  const QuestionArms q = codes();
  const ArmComparison c =
      compare_arms(q, q.arms[0], q.arms[1], CaseScore::kGraded, {.samples = 200});
  EXPECT_EQ(c.cases, 4);
  EXPECT_EQ(c.zeros, 0);
  EXPECT_DOUBLE_EQ(c.wilcoxon.statistic, 10);  // all four ranks are positive
  EXPECT_LT(c.wilcoxon.p, 0.1);
  EXPECT_DOUBLE_EQ(c.effect.value, 1);
  EXPECT_NEAR(c.difference.value, (1.0 / 3 + 1 + 1 + 2.0 / 3) / 4, 1e-12);
  const ArmComparison reversed =
      compare_arms(q, q.arms[1], q.arms[0], CaseScore::kGraded, {.samples = 200});
  EXPECT_DOUBLE_EQ(reversed.effect.value, -1);
  EXPECT_GT(reversed.wilcoxon.p, 0.9);
  const ArmComparison same =
      compare_arms(q, q.arms[0], q.arms[0], CaseScore::kRight, {.samples = 200});
  EXPECT_EQ(same.zeros, 4);
  EXPECT_FALSE(same.wilcoxon.defined);
  EXPECT_FALSE(same.effect.defined);
}

}  // namespace
}  // namespace gantry
