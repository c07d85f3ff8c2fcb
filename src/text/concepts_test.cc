#include "text/concepts.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

TEST(Concepts, StandInTheOrderOfTheTextAndOnce) {
  ConceptTable table = ConceptTable::parse("新\tnew\n無\tno\n骨\tbone\n", "table");
  EXPECT_EQ(table.of_clause("no new bone, bone, or new"), "無新骨新");
  EXPECT_EQ(table.of_clause("nothing"), "無");
  EXPECT_EQ(table.of_clause("xyz"), "");
  EXPECT_EQ(table.of_text("1. new bone\n2. xyz。no bone"), "新骨。-。無骨");
  EXPECT_EQ(table.of_text(""), "");
}

TEST(Concepts, LettersTakenByALineAreNotSeenByALaterOne) {
  ConceptTable table = ConceptTable::parse("不\t増大なし\n増\t増大\n無\tなし\n", "table");
  EXPECT_EQ(table.of_clause("増大なし"), "不");
  EXPECT_EQ(table.of_clause("増大、他になし"), "増無");
}

TEST(Concepts, ComparesNumbers) {
  ConceptTable table =
      ConceptTable::parse("上等下\t(?<old>\\d+(?:\\.\\d+)?)→(?<new>\\d+(?:\\.\\d+)?)\n", "table");
  EXPECT_EQ(table.of_clause("BSI 0.42→2.31"), "上");
  EXPECT_EQ(table.of_clause("30→12mm"), "下");
  EXPECT_EQ(table.of_clause("100→101mm"), "等");
  EXPECT_EQ(table.of_clause("0→0"), "等");
}

TEST(Concepts, TableOfBoneMetastasis) {
  ConceptTable table = ConceptTable::load(std::filesystem::path(GANTRY_SOURCE_DIR) /
                                          "tasks/bone-metastasis-concepts.tsv");
  EXPECT_EQ(table.of_clause("L3に新たな骨転移を認めます"), "新骨");
  EXPECT_EQ(table.of_clause("多発骨転移に著変なし"), "多骨不");
  EXPECT_EQ(table.of_clause("骨転移を疑う所見は認めません"), "骨低");
  EXPECT_EQ(table.of_clause("左腸骨の病変は前回30mm、今回44mm"), "上");
  EXPECT_EQ(table.of_clause("骨転移の既往あり、再燃を疑う所見なし"), "骨既制");
  EXPECT_EQ(table.of_clause("骨転移に増減なし"), "骨不");
  EXPECT_EQ(table.of_clause("骨転移は憎悪しています"), "骨増");
  EXPECT_EQ(table.of_clause("L3の集積は指摘できなくなりました"), "集減");
  EXPECT_EQ(table.of_clause("骨転移は否定できます"), "骨低");
  EXPECT_EQ(table.of_clause("骨転移は否定できません"), "骨疑");
  EXPECT_EQ(table.of_clause("前回の検査では指摘できなかった溶骨性病変"), "新溶");
}

TEST(Concepts, ASignMayBeExplainedAndATableSaysWhatPartsClauses) {
  const ConceptTable table = ConceptTable::parse(
      "clause\t\\.(?=\\s|$)|;\nA an implant is declined\tno implant\nB implant\timplant\n", "t");
  EXPECT_EQ(table.of_text("Implant in 2.5 cm. no implant; an implant, implant"), "-。A。B");
  EXPECT_EQ(table.of_text("; ."), "");
}

TEST(Concepts, TableOfModality) {
  const ConceptTable table = ConceptTable::load(std::filesystem::path(GANTRY_SOURCE_DIR) /
                                                "tasks/rt-modality-concepts.tsv");
  EXPECT_EQ(table.of_text("SAVI 8-1 placed in clinic, skin bridge 9 mm. Not an implant candidate."),
            "GH。A");
  EXPECT_EQ(table.of_text("Basal cell carcinoma of the nasal ala; a flat electron field would fit "
                          "poorly"),
            "J。C");
  EXPECT_EQ(table.of_text("6-year-old boy. Craniospinal treatment; proton plan spares the heart."),
            table.of_text("6-year-old girl. CSI. Protons, sparing the heart."));
  EXPECT_EQ(table.of_text("Mobile linear accelerator at operation. Wants few visits."),
            table.of_text("IORT planned. Asks for a single visit."));
}

TEST(Concepts, SayWhereATableIsWrong) {
  for (const char* table : {"新\tx\nno tab\n", "新\tx\n新\t(\n", "新\tx\n新無\ty\n",
                            "新\tx\nclause\t(\n", "新\tx\n上等下\t(\\d)→(\\d)\n"}) {
    try {
      ConceptTable::parse(table, "table.tsv");
      FAIL() << table;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0363");
      EXPECT_NE(error.message().find("table.tsv, line 2"), std::string::npos) << error.message();
    }
  }
}

}  // namespace
}  // namespace gantry
