#include "text/code_list.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "text/case_code.h"
#include "text/code_list_readers.h"

namespace gantry {
namespace {

const std::filesystem::path kSource = GANTRY_SOURCE_DIR;

std::string data(const std::string& name) { return read_file(kSource / "tests/data/codes" / name); }

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code() + ": " + error.message();
  }
  return "no error";
}

TEST(CodeList, OneFormOfACode) {
  EXPECT_EQ(canonical_code("c7951"), "C79.51");
  EXPECT_EQ(canonical_code(" C79.51\n"), "C79.51");
  EXPECT_EQ(canonical_code("C61"), "C61");
  EXPECT_EQ(canonical_code("C61."), "C61");
  EXPECT_EQ(canonical_code("T66XXXA"), "T66.XXXA");
  EXPECT_EQ(canonical_code("C7"), "");
  EXPECT_EQ(canonical_code("C79-51"), "");
  EXPECT_EQ(canonical_code(""), "");
  EXPECT_EQ(canonical_code("骨転移"), "");
  EXPECT_EQ(shortened_code("C79.51", 4), "C79.5");
  EXPECT_EQ(shortened_code("C79.51", 3), "C79");
  EXPECT_EQ(shortened_code("C61", 4), "C61");
  EXPECT_EQ(undotted_code("C79.51"), "C7951");
}

TEST(CodeList, TabularXml) {
  const CodeList list = parse_tabular_xml(data("tabular.xml"), "test", "tabular.xml");
  EXPECT_EQ(list.edition(), "2026");
  ASSERT_EQ(list.size(), 17u);
  const Code& bone = list[list.find("c7951")];
  EXPECT_EQ(bone.title, "Secondary malignant neoplasm of bone");
  EXPECT_TRUE(bone.billable);
  EXPECT_EQ(list[list.find("C79.52")].title, "Secondary malignant neoplasm of bone marrow");
  EXPECT_FALSE(list[list.find("C79.5")].billable);
  EXPECT_EQ(list[list.find("C61")].terms, std::vector<std::string>{"Prostate cancer & carcinoma"});
  const std::vector<int32_t> line = list.line_of(list.find("C79.51"));
  ASSERT_EQ(line.size(), 3u);
  EXPECT_EQ(list[line[1]].code, "C79.5");
  EXPECT_EQ(list[line[2]].code, "C79");
  EXPECT_EQ(list.children(list.find("C79.5")).size(), 2u);
  EXPECT_EQ(list.children(list.find("C79")).size(), 1u);
}

TEST(CodeList, SeventhCharactersWithPlaceholders) {
  const CodeList list = parse_tabular_xml(data("tabular.xml"), "test", "tabular.xml");
  EXPECT_FALSE(list[list.find("T66")].billable);
  const int32_t first = list.find("T66XXXA");
  ASSERT_GE(first, 0);
  EXPECT_EQ(list[first].title, "Radiation sickness, unspecified, initial encounter");
  EXPECT_TRUE(list[first].billable);
  EXPECT_EQ(list[list[first].parent].code, "T66");
  // The definition stands at an ancestor of the leaves.
  EXPECT_FALSE(list[list.find("E08.321")].billable);
  EXPECT_EQ(list[list.find("E083212")].title, "with macular edema, left eye");
  EXPECT_EQ(list[list[list.find("E083292")].parent].code, "E08.329");
}

TEST(CodeList, ThreeFormatsAgree) {
  const CodeList xml = parse_tabular_xml(data("tabular.xml"), "test", "x").subset("C61,C79", false);
  const CodeList order = parse_order_file(data("order.txt"), "test", "o");
  ASSERT_EQ(xml.size(), order.size());
  for (size_t i = 0; i < xml.size(); ++i) {
    EXPECT_EQ(xml[i].code, order[i].code);
    EXPECT_EQ(xml[i].title, order[i].title);
    EXPECT_EQ(xml[i].billable, order[i].billable);
  }
  const CodeList tsv = parse_code_tsv(data("list.tsv"), "test", "t");
  EXPECT_TRUE(tsv[tsv.find("C79.51")].billable);
  EXPECT_FALSE(tsv[tsv.find("C79.5")].billable);
  EXPECT_EQ(tsv[tsv.find("C61")].valid_to, "2030-09-30");
  EXPECT_EQ(tell_code_list_format(data("tabular.xml")), CodeListFormat::kTabularXml);
  EXPECT_EQ(tell_code_list_format(data("order.txt")), CodeListFormat::kOrderFile);
  EXPECT_EQ(tell_code_list_format(data("list.tsv")), CodeListFormat::kTsv);
}

TEST(CodeList, TsvRoundTripKeepsTheHash) {
  const CodeList list = parse_tabular_xml(data("tabular.xml"), "test", "tabular.xml");
  const CodeList again = parse_code_tsv(list.to_tsv(), "test", "again", list.edition());
  EXPECT_EQ(again.hash(), list.hash());
  EXPECT_EQ(again[again.find("C61")].terms, list[list.find("C61")].terms);
  const CodeList other = parse_code_tsv("code\ttitle\nC61\tSomething else\n", "test", "other");
  EXPECT_NE(other.hash(), list.hash());
}

TEST(CodeList, Subsets) {
  const CodeList list = parse_tabular_xml(data("tabular.xml"), "test", "tabular.xml");
  EXPECT_EQ(list.subset("C00-D49", true).size(), 3u);
  EXPECT_EQ(list.subset("C00-D49", false).size(), 5u);
  EXPECT_EQ(list.subset("c79.5, T66XXXA", true).size(), 3u);
  EXPECT_EQ(list.subset("", false).size(), list.size());
  EXPECT_TRUE(error_of([&] { list.subset("D49-C00", true); }).starts_with("E0372"));
  EXPECT_TRUE(error_of([&] { list.subset("Q00-Q99", true); }).starts_with("E0372"));
  EXPECT_TRUE(error_of([&] { list.subset("C0", true); }).starts_with("E0372"));
}

TEST(CodeList, BadInputIsRefusedWithItsPlace) {
  EXPECT_EQ(error_of([] { parse_code_tsv("code\ttitle\nC61\tA\nC50\tB\nc61.\tC\n", "n", "f"); }),
            "E0371: the code list n: C61 stands at line 2 and at line 4");
  EXPECT_TRUE(error_of([] { parse_code_tsv("a\tb\n", "n", "f"); }).starts_with("E0376: f, line 1"));
  EXPECT_TRUE(error_of([] {
                parse_code_tsv("code\ttitle\tbillable\nC61\tA\tperhaps\n", "n", "f");
              }).starts_with("E0376: f, line 2: billable"));
  EXPECT_TRUE(error_of([] {
                parse_code_tsv("code\ttitle\tvalid_to\nC61\tA\t30.9.2026\n", "n", "f");
              }).starts_with("E0376"));
  EXPECT_TRUE(
      error_of([] { parse_code_tsv("code\ttitle\n骨\tA\n", "n", "f"); }).starts_with("E0376"));
  EXPECT_TRUE(error_of([] { parse_code_tsv("", "n", "f"); }).starts_with("E0371"));
  EXPECT_TRUE(
      error_of([] { parse_order_file("00001 C61     x short\n", "n", "f"); }).starts_with("E0375"));
  const std::string xml = data("tabular.xml");
  EXPECT_TRUE(error_of([&] {
                parse_tabular_xml(xml.substr(0, 900), "n", "f");
              }).starts_with("E0374: f, line"));
  EXPECT_TRUE(error_of([] { parse_tabular_xml("<a/>", "n", "f"); }).starts_with("E0374"));
  EXPECT_TRUE(error_of([] {
                parse_tabular_xml("<!DOCTYPE d [<!ENTITY e \"x\">]><d>&e;</d>", "n", "f");
              }).starts_with("E0374: f, line 1: an entity"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<diag>";
  EXPECT_TRUE(error_of([&] { parse_tabular_xml(deep, "n", "f"); }).find("too deep") !=
              std::string::npos);
  EXPECT_TRUE(error_of([] {
                parse_tabular_xml(
                    "<d><diag><name>C61</name><desc>a</desc></diag><diag><name>C61"
                    "</name><desc>b</desc></diag></d>",
                    "n", "f");
              }).starts_with("E0371"));
}

TEST(CaseCode, IsReadByStatedRules) {
  const CodeList whole = parse_code_tsv(
      "code\ttitle\nC61\tprostate\nC88.4\tMALT\nC88.40\tMALT, not in remission\nC88.41\tMALT, in "
      "remission\nL91.0\tkeloid\n",
      "edition", "f");
  const CodeList allowed = whole.subset("C00-D49", true);
  const CodeReplacements table = CodeReplacements::parse(
      "# old, new, pattern, reason\nC88.4\tC88.41\tin remission\tremission is named\n"
      "C88.4\tC88.40\t\tunder treatment\nC99\tC61\t\tretired\n",
      "table");
  const auto read = [&](const char* code, const char* text) {
    return read_case_code(code, text, whole, allowed, table);
  };
  EXPECT_EQ(read("c61", "").code, "C61");
  EXPECT_EQ(read("C61", "").standing, CodeStanding::kAllowed);
  EXPECT_EQ(read("C884", "gastric MALT").code, "C88.40");
  EXPECT_EQ(read("C88.4", "gastric MALT, now In Remission").code, "C88.41");
  EXPECT_EQ(read("C88.4", "").words,
            "C88.4 is not billable in edition; read as C88.40 (under treatment)");
  EXPECT_EQ(read("C99", "").code, "C61");
  EXPECT_EQ(read("L91.0", "").standing, CodeStanding::kOutside);
  EXPECT_EQ(read("L91.0", "").code, "");
  EXPECT_EQ(read("C98", "").standing, CodeStanding::kUnknown);
  EXPECT_EQ(read("?", "").standing, CodeStanding::kUnknown);
  const CodeReplacements none;
  EXPECT_EQ(read_case_code("C88.4", "", whole, allowed, none).standing, CodeStanding::kSubdivided);
  EXPECT_TRUE(
      error_of([] { CodeReplacements::parse("C61\tC62\n", "t"); }).starts_with("E0373: t, line 1"));
  EXPECT_TRUE(error_of([] {
                CodeReplacements::parse("C61\tC62\t(\tx\n", "t");
              }).starts_with("E0373: t, line 1: the pattern"));
}

// The edition of April 2026 where it lies on this machine's shelf.
class RealEdition : public ::testing::Test {
 protected:
  static std::filesystem::path file() {
    const char* codes = std::getenv("GANTRY_CODES");
    const char* home = std::getenv("HOME");
    const std::filesystem::path shelf =
        codes ? std::filesystem::path(codes)
              : std::filesystem::path(home ? home : "") / ".local/share/gantry/codes";
    return shelf / "icd10cm-2026-04" / "codes.tsv";
  }
};

TEST_F(RealEdition, HoldsWhatIsKnownOfIt) {
  if (!std::filesystem::exists(file())) GTEST_SKIP() << "gantry codes get icd10cm-2026-04";
  const CodeList list = read_code_list(file(), "icd10cm-2026-04");
  EXPECT_EQ(list.size(), 98262u);
  EXPECT_EQ(list.subset("", true).size(), 74795u);
  EXPECT_EQ(list.subset("C00-D49", true).size(), 1727u);
  EXPECT_EQ(list[list.find("C7951")].title, "Secondary malignant neoplasm of bone");
  EXPECT_FALSE(list[list.find("C88.4")].billable);
  const CodeReplacements table = CodeReplacements::load(kSource / "tasks" / "icd10cm-replaced.tsv");
  const CodeList allowed = list.subset("C00-D49", true);
  for (const char* old : {"C88.4", "C86.0", "C86.6", "C83.39", "D48.1"}) {
    const ReadCode read = read_case_code(old, "desmoid of the left shoulder", list, allowed, table);
    EXPECT_EQ(read.standing, CodeStanding::kReplaced) << old;
  }
  EXPECT_EQ(read_case_code("D48.1", "desmoid of the left shoulder", list, allowed, table).code,
            "D48.115");
  EXPECT_EQ(read_case_code("C83.39", "Primary CNS lymphoma", list, allowed, table).code, "C83.390");
}

TEST_F(RealEdition, MostTitlesOf2021AreStillThere) {
  const std::filesystem::path old =
      std::filesystem::path(GANTRY_SHARED_DIR) / "reference/icd/icd10cm_2021_neoplasms_C00-D49.tsv";
  if (!std::filesystem::exists(file()) || !std::filesystem::exists(old)) {
    GTEST_SKIP() << "needs gantry codes get icd10cm-2026-04, and ../shared/reference/icd";
  }
  const CodeList now = read_code_list(file(), "icd10cm-2026-04");
  const CodeList then = read_code_list(old, "2021");
  EXPECT_EQ(then.size(), 2067u);
  size_t same = 0;
  for (const Code& code : then.codes()) {
    const int32_t row = now.find(code.code);
    same += row >= 0 && now[row].title == code.title;
  }
  EXPECT_GT(same, 1900u);  // titles are mended now and then
}

}  // namespace
}  // namespace gantry
