#include "text/clauses.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

std::vector<std::string> of(std::string_view text) {
  std::vector<std::string> out;
  for (auto clause : clauses(text)) out.emplace_back(clause);
  return out;
}

TEST(Clauses, LinesSentencesAndNumbering) {
  EXPECT_EQ(of("1. 右下葉肺炎と考えます。\n2. 多発骨転移。肝嚢胞。"),
            (std::vector<std::string>{"右下葉肺炎と考えます。", "多発骨転移。", "肝嚢胞。"}));
  EXPECT_EQ(of("① L1骨折\n(2) 不変\n・肝転移\n- PR\n#3 SD"),
            (std::vector<std::string>{"L1骨折", "不変", "肝転移", "PR", "3 SD"}));
  EXPECT_EQ(of("　 \n\n"), std::vector<std::string>{});
}

TEST(Clauses, SizesAreNoNumbering) {
  EXPECT_EQ(of("1.5cm大の結節\n3mmの結節\n-5%"),
            (std::vector<std::string>{"1.5cm大の結節", "3mmの結節", "-5%"}));
}

TEST(FocusPattern, TellsClausesOfTheSubjectFromOthers) {
  FocusPattern bone("骨|椎|\\bL\\d");
  const std::string text = "1. 肝転移は縮小。\n2. L3、仙骨の転移は不変。椎体骨折なし。";
  EXPECT_EQ(bone.clauses_with(text), "L3、仙骨の転移は不変。\n椎体骨折なし。");
  EXPECT_EQ(bone.clauses_without(text), "肝転移は縮小。");
}

TEST(FocusPattern, SaysWhatIsWrongWithIt) {
  try {
    FocusPattern("骨|(椎");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0361");
  }
}

}  // namespace
}  // namespace gantry
