#include "report/japanese.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "report/section_html.h"

namespace gantry {
namespace {

// Lets the table be found in the source tree.
const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

std::string refused(const std::string& tsv) {
  try {
    JapaneseTable::parse(tsv, "table.tsv");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Japanese, PlacesHoldTextsNumbersAndLists) {
  const auto table = JapaneseTable::parse(
      "# a remark\n"
      "{1}, tuned\t{1}（調整後）\n"
      "fold {n1} of {n2}\t{n2}分割の{n1}番目\n"
      "holds one of: {l1} ({l2})\t次を含む: {l1}（{l2}）\n"
      "whole\t全文\n"
      "findings\t所見\n",
      "table.tsv");
  EXPECT_EQ(table.of("whole"), "全文");
  EXPECT_EQ(table.of("small-model, tuned"), "small-model（調整後）");
  EXPECT_EQ(table.of("fold 2 of 5"), "5分割の2番目");
  EXPECT_EQ(table.of("fold two of 5"), "fold two of 5") << "a word is no number";
  EXPECT_EQ(table.of("holds one of: 転移, meta (whole, findings)"),
            "次を含む: 転移、meta（全文、所見）");
  EXPECT_EQ(table.of("whole, tuned"), "全文（調整後）")
      << "what stands in a place is looked up too";
  EXPECT_EQ(table.of("what a hospital wrote"), "what a hospital wrote");
  EXPECT_EQ(table.of(""), "");
}

TEST(Japanese, TheFirstLineThatFitsCountsAndWholeLinesGoBeforePlaces) {
  const auto table = JapaneseTable::parse(
      "{1}, tuned, alone\t{1} A\n{1}, tuned, {2}\t{1} B {2}\nm, tuned, alone\tC\n", "t");
  EXPECT_EQ(table.of("x, tuned, alone"), "x A");
  EXPECT_EQ(table.of("x, tuned, 2 shown"), "x B 2 shown");
  EXPECT_EQ(table.of("m, tuned, alone"), "C");
  // The first comma does not lead on; the next does.
  EXPECT_EQ(table.of("x, y, tuned, alone"), "x, y A");
}

TEST(Japanese, BracesOfPromptsAreText) {
  const auto table = JapaneseTable::parse("Diagnosis: {text}\t診断: {text}\n", "t");
  EXPECT_EQ(table.of("Diagnosis: {text}"), "診断: {text}");
}

TEST(Japanese, DamagedTablesAreRefusedWithTheLine) {
  EXPECT_NE(refused("whole\t全文\nno tab\n").find("table.tsv, line 2"), std::string::npos);
  EXPECT_NE(refused("empty\t\n").find("line 1"), std::string::npos);
  EXPECT_NE(refused("a {1}\tあ\n").find("one side only"), std::string::npos);
  EXPECT_NE(refused("a\tあ{n1}\n").find("one side only"), std::string::npos);
  EXPECT_NE(refused("a {1}{2}\tあ{1}{2}\n").find("without a word between"), std::string::npos);
}

// All that the program can say, literals that stand side by side joined.
std::string source_text() {
  std::string all;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(GANTRY_SOURCE_DIR) + "/src")) {
    const std::string name = entry.path().filename().string();
    const bool is_source = entry.path().extension() == ".cc" || entry.path().extension() == ".h";
    if (is_source && !name.ends_with("_test.cc") && name != "japanese.cc")
      all += read_file(entry.path());
  }
  for (const char* task : {"radonc", "rt-modality"})  // their groups
    all += read_file(std::string(GANTRY_SOURCE_DIR) + "/tasks/" + task + ".toml");
  std::string out;
  for (size_t at = 0; at < all.size(); ++at) {
    const bool quote = all[at] == '"' && (at == 0 || all[at - 1] != '\\');
    const size_t next = quote ? all.find_first_not_of(" \n", at + 1) : std::string::npos;
    if (next != std::string::npos && next > at + 1 && all[next] == '"') {
      at = next;
    } else if (all[at] != '\\') {
      out += all[at];
    }
  }
  return out;
}

// A sentence that the program words anew would silently stand in English on the Japanese page.
TEST(Japanese, TheProgramStillSaysWhatTheTableTranslates) {
  const std::string source = source_text();
  const auto table = JapaneseTable::parse(
      read_file(std::string(GANTRY_SOURCE_DIR) + "/tasks/report-japanese.tsv"), "table");
  const auto parts = table.fixed_parts();
  ASSERT_GT(parts.size(), 200u);
  for (const std::string& part : parts) {
    if (source.find(part) != std::string::npos) continue;
    // Put together of several: ", tuned" and ", 2 examples shown"; "codes: " and "ranker".
    size_t at = part.starts_with(": ") ? 2 : 0;
    bool found = true;
    while (at < part.size()) {
      const size_t mark = part.find_first_of(",:", at + 1);
      const size_t end = mark == std::string::npos ? part.size()
                         : part[mark] == ':'       ? mark + 2
                                                   : mark;
      found = found && source.find(part.substr(at, end - at)) != std::string::npos;
      at = end;
    }
    EXPECT_TRUE(found) << "nowhere in src/: \"" << part << "\"";
  }
}

TEST(Japanese, TheProgramsOwnTableIsOpenedFromItsData) {
  EXPECT_EQ(in_japanese("multilingual-e5-small, 3 restarts averaged, TF-IDF member"),
            "multilingual-e5-small（再学習3回の平均）＋TF-IDF");
  EXPECT_EQ(in_japanese("holds 転移 (whole)"), "「転移」を含む（全文）");
  EXPECT_EQ(in_japanese("holds one of: 転移, meta; holds none of: 前立腺 (findings, diagnosis)"),
            "次のいずれかを含む: 転移、meta。次のいずれも含まない: 前立腺（所見、診断）");
  EXPECT_EQ(in_japanese("0 patients in two sets, 0 near-identical pairs of texts across sets "
                        "(418,231 pairs compared)"),
            "二つのセットにまたがる患者0名、セット間でほぼ同一の文章0組（418,231組を比較）");
  EXPECT_EQ(in_japanese("examined 2015-01-01 to 2020-12-31"), "検査日が2015-01-01〜2020-12-31");
  EXPECT_EQ(in_japanese("examined from 2015-01-01"), "検査日が2015-01-01以降");
  EXPECT_EQ(in_japanese("100 to 199 characters"), "100〜199文字");
  EXPECT_EQ(in_both("F").ja, "女");
}

TEST(Japanese, PlotsAndTablesAreWrittenInBoth) {
  Chart chart{.name = "c", .x_label = {"error rate", "誤り率"}};
  chart.categories = {"under 100\nn = 89", "a hospital's own"};
  chart.words = {{"age & sex", "年齢・性別"}};
  const std::string svg =
      "<svg><title>error rate</title><text x=\"1\"> error rate</text><text>under 100</text>"
      "<text>age &amp; sex</text><tspan>un…89</tspan><text>a hospital&#39;s own</text></svg>";
  const std::string japanese = svg_in_japanese(svg, chart);
  EXPECT_NE(japanese.find("<text x=\"1\">誤り率</text><text>100未満</text>"), std::string::npos)
      << japanese;
  EXPECT_NE(japanese.find("年齢・性別"), std::string::npos);
  EXPECT_NE(japanese.find("<tspan>100未満、n = 89</tspan>"), std::string::npos) << japanese;
  EXPECT_NE(japanese.find("a hospital&#39;s own"), std::string::npos);
  ReportTable t{"t", {}, {{"accuracy", "正診率"}, {"who"}}, {}, false};
  Estimate e{.value = 0.5, .lower = 0.25, .upper = 0.75, .n = 10, .count = 5};
  e.defined = e.has_interval = true;
  t.rows.push_back({Cell::figure(e), Words{"model", "モデル"}});
  t.rows.push_back({Cell::figure(not_defined()), "reader 1"});
  EXPECT_EQ(table_csv(t, Language::kJapanese),
            "正診率,who\n0.500（0.250〜0.750）、5/10,モデル\n定義されない、n = 0,reader 1\n");
  EXPECT_EQ(table_csv(t),
            "accuracy,who\n\"0.500 (0.250 to 0.750), 5 of 10\",model\n\"not defined, n = 0\","
            "reader 1\n");
}

}  // namespace
}  // namespace gantry
