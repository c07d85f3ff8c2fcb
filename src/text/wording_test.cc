#include "text/wording.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

TEST(Wording, RadiologyTableFoldsAbbreviations) {
  Wording wording =
      Wording::load(std::filesystem::path(GANTRY_SOURCE_DIR) / "tasks/radiology-wording.tsv");
  EXPECT_EQ(wording.fold("multiple bone mets, n.c."), "多発 骨転移, 不変");
  EXPECT_EQ(wording.fold("PD (new bone mets)"), "増大 (新出 骨転移)");
  EXPECT_EQ(wording.fold("右腸骨の転移は縮小。"), "右腸骨の転移は縮小。");
  EXPECT_EQ(wording.fold("PDSを確認"), "PDSを確認");  // within a longer word nothing is changed
  EXPECT_EQ(wording.fold(""), "");
}

TEST(Wording, AppliesRulesInOrderAndKeepsTheRest) {
  Wording wording = Wording::parse("# remark\na+\tb\nbb\tc\n", "table");
  EXPECT_EQ(wording.fold("aab aaa x"), "c b x");
}

TEST(Wording, GroupsMoveWithinTheReplacement) {
  const Wording wording = Wording::parse("no (\\w+)( \\w+)?\t\\1\\2なし\\x\n", "table");
  EXPECT_EQ(wording.fold("no new lesion, no node"), "new lesionなし\\x, nodeなし\\x");
}

TEST(Wording, EnglishNegationStandsBehindAsInJapanese) {
  const Wording wording =
      Wording::load(std::filesystem::path(GANTRY_SOURCE_DIR) / "tasks/radiology-wording.tsv");
  EXPECT_EQ(wording.fold("no evidence of bone mets"), "骨転移なし");
  EXPECT_EQ(wording.fold("No new bone lesions. LN: NED"), "新出 骨 病変なし. リンパ節: 病変なし");
  EXPECT_EQ(wording.fold("no sig. interval change"), "不変");
  EXPECT_EQ(wording.fold("bone mets: NC, can't be ruled out"), "骨転移: 不変, 可能性あり");
}

TEST(Wording, SaysWhereATableIsWrong) {
  for (const char* table : {"ok\tfine\nno tab here\n", "x\ty\n(\tz\n"}) {
    try {
      Wording::parse(table, "table.tsv");
      FAIL() << table;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0362");
      EXPECT_NE(error.message().find("table.tsv, line 2"), std::string::npos) << error.message();
    }
  }
}

}  // namespace
}  // namespace gantry
