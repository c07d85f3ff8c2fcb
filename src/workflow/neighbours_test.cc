#include "workflow/neighbours.h"

#include <gtest/gtest.h>

namespace gantry {
namespace {

Case training_case(const std::string& id, const std::string& text, int label,
                   const std::string& code) {
  Case out;
  out.id = id;
  out.source = "ra";
  out.text = out.baseline_text = text;
  out.label = label;
  out.answer = std::to_string(label);
  out.code = code;
  return out;
}

TEST(Neighbours, TheMostAlikeComeFirstWithTheirOwnAnswers) {
  const Case a = training_case("A", "left breast cancer after lumpectomy", 0, "C50.912"),
             b = training_case("B", "prostate cancer, Gleason 7", 1, "C61"),
             c = training_case("C", "left breast cancer, mastectomy", 0, "C50.911"),
             d = training_case("D", "glioblastoma", 2, "C71.9");
  const TrainingNeighbours neighbours({&a, &b, &c, &d});
  Case asked;
  asked.baseline_text = "left breast cancer after lumpectomy";
  const auto groups = neighbours.of(asked, AnswerKind::kClosedSet);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].id, "A");
  EXPECT_NEAR(groups[0].similarity, 1, 1e-12);
  EXPECT_EQ(groups[0].label, 0);
  EXPECT_EQ(groups[1].id, "C");
  EXPECT_GT(groups[1].similarity, groups[2].similarity);
  const auto codes = neighbours.of(asked, AnswerKind::kCodes);
  EXPECT_EQ(codes[0].label, -1);
  EXPECT_EQ(codes[0].answer, "C50.912");
}

TEST(Neighbours, OfATextWithoutAKnownWordThereAreNone) {
  const Case a = training_case("A", "breast", 0, "C50"), b = training_case("B", "lung", 1, "C34");
  Case asked;
  asked.baseline_text = "xyz";
  EXPECT_TRUE(TrainingNeighbours({&a, &b}).of(asked, AnswerKind::kCodes).empty());
}

TEST(Neighbours, LongTextsAreCutBetweenCharacters) {
  std::string text = "breast ";
  for (int i = 0; i < 500; ++i) text += "骨";
  const Case a = training_case("A", text, 0, "C50");
  Case asked;
  asked.baseline_text = "breast";
  const auto near = TrainingNeighbours({&a}).of(asked, AnswerKind::kCodes);
  ASSERT_EQ(near.size(), 1u);
  EXPECT_LT(near[0].text.size(), text.size());
  EXPECT_TRUE(near[0].text.ends_with("骨…"));
}

}  // namespace
}  // namespace gantry
