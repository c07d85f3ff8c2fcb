#include "text/sections.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "text/unicode.h"

namespace gantry {
namespace {

using nlohmann::json;

const std::string kRoot = GANTRY_SOURCE_DIR;

const SectionTable& table() {
  static const SectionTable t = SectionTable::load(kRoot + "/tasks/headings.toml");
  return t;
}

std::vector<json> lines_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string told(const Sections& sections) {
  std::string out;
  for (const Section& s : sections.parts)
    out += "[" + s.kind + "] {" + s.heading + "} " + s.body + "\n";
  return out;
}

std::map<std::string, std::string> corpus() {
  std::map<std::string, std::string> reports;
  for (const auto& file : std::filesystem::directory_iterator(kRoot + "/corpora/bone-metastasis"))
    if (file.path().extension() == ".jsonl")
      for (const json& row : lines_of(file.path().string()))
        reports[row["report_id"]] = row["report"];
  return reports;
}

// Every report of the corpus, against ranges that a script found by each hospital's own rules.
TEST(Sections, CorpusIsCutRight) {
  auto reports = corpus();
  int right = 0, all = 0;
  for (const json& expected : lines_of(kRoot + "/tests/data/sections/bone-metastasis.jsonl")) {
    const std::string& text = reports.at(expected["id"]);
    Sections cut = table().cut(text);
    bool good = cut.parts.size() == 3 && cut.missing.empty();
    for (const Section& s : cut.parts) {
      size_t begin = count_code_points(std::string_view(text).substr(0, s.begin));
      size_t end = begin + count_code_points(s.body);
      good = good && expected.contains(s.kind) && expected[s.kind] == json::array({begin, end});
    }
    if (!good) ADD_FAILURE() << expected["id"] << "\n" << told(cut);
    right += good;
    ++all;
  }
  EXPECT_EQ(all, 1420);
  EXPECT_EQ(right, all);
}

// The corpus's own sections under headings of hospitals that nobody has seen: every template with
// every seventh report, in two orders.
TEST(Sections, CorpusUnderOtherHeadings) {
  auto reports = corpus();
  auto expected = lines_of(kRoot + "/tests/data/sections/bone-metastasis.jsonl");
  auto templates = lines_of(kRoot + "/tests/data/sections/templates.jsonl");
  const std::vector<std::vector<std::string>> orders = {{"indication", "findings", "diagnosis"},
                                                        {"diagnosis", "findings", "indication"}};
  int right = 0, all = 0;
  std::vector<std::string> wrong;
  for (size_t r = 0; r < expected.size(); r += 7) {
    Sections own = table().cut(reports.at(expected[r]["id"]));
    for (size_t t = 0; t < templates.size(); ++t) {
      const json& heads = templates[t];
      std::string text;
      for (const std::string& kind : orders[(r / 7 + t) % orders.size()])
        text += (text.empty() ? "" : heads["between"].get<std::string>()) +
                heads[kind].get<std::string>() + own.text_of(kind);
      Sections cut = table().cut(text);
      bool good = cut.parts.size() == 3;
      for (const std::string& kind : orders[0])
        good = good && cut.text_of(kind) == own.text_of(kind);
      right += good;
      ++all;
      if (!good && wrong.size() < 5) wrong.push_back(heads["name"].dump() + "\n" + told(cut));
    }
  }
  EXPECT_GT(all, 15'000);
  EXPECT_GE(right, all * 0.99) << json(wrong).dump(2);
}

TEST(Sections, StylesOfHospitalsNobodyHasSeen) {
  int cases = 0;
  for (const json& c : lines_of(kRoot + "/tests/data/sections/styles.jsonl")) {
    std::string text = c["text"];
    Sections cut = table().cut(text);
    std::map<std::string, std::string> found;
    for (const Section& s : cut.parts) {
      EXPECT_EQ(text.substr(s.begin, s.end - s.begin), s.body);
      if (!s.body.empty()) found[s.kind] = cut.text_of(s.kind);
    }
    auto expected = c["sections"].get<std::map<std::string, std::string>>();
    EXPECT_EQ(found, expected) << c["name"] << "\n" << text << "\n---\n" << told(cut);
    for (const char* kind : {"indication", "findings", "diagnosis"}) {
      bool missing = std::find(cut.missing.begin(), cut.missing.end(), kind) != cut.missing.end();
      EXPECT_EQ(missing, !expected.count(kind)) << c["name"];
    }
    ++cases;
  }
  EXPECT_GE(cases, 60);
}

TEST(Sections, EveryNameOfTheTableIsAHeadingInBrackets) {
  Sections cut = table().cut("【既往歴】\n乳癌");
  ASSERT_EQ(cut.parts.size(), 1u);
  EXPECT_EQ(cut.parts[0].kind, "indication");
  EXPECT_EQ(cut.parts[0].heading, "【既往歴】");
}

TEST(Sections, BrokenTextIsCutToo) {
  std::string text = "【検査目的】\n\xFF\xFE検索\n【所見】\n\xE3\x81\n【診断】\n転移\x80";
  Sections cut = table().cut(text);
  EXPECT_EQ(cut.text_of("diagnosis"), "転移\x80");
  EXPECT_TRUE(cut.missing.empty());
  EXPECT_EQ(table().cut("").missing.size(), 3u);
  EXPECT_TRUE(table().cut("").parts.empty());
}

TEST(Sections, WantedKindsAreTold) {
  Sections cut = table().cut("【診断】\n転移", {"indication", "diagnosis"});
  EXPECT_EQ(cut.missing, std::vector<std::string>{"indication"});
}

TEST(SectionTable, MistakesAreNamed) {
  auto code_of = [](const char* toml) {
    try {
      SectionTable::parse(toml, "headings.toml");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), "E0301");
      return e.message();
    }
    return std::string();
  };
  EXPECT_NE(code_of("[kinds").find("line 1"), std::string::npos);
  EXPECT_NE(code_of("[marks]\n").find("[kinds]"), std::string::npos);
  EXPECT_NE(code_of("[kinds.a]\nname = [\"x\"]\n[marks]\n").find("'kinds.a.name'"),
            std::string::npos);
  EXPECT_NE(
      code_of("[kinds.a]\nnames = [\"x\"]\n[kinds.b]\nnames = [\"X\"]\n[marks]\n").find("'a'"),
      std::string::npos);
  EXPECT_NE(code_of("[kinds.a]\nnames = \"x\"\n[marks]\n").find("not a list"), std::string::npos);
  EXPECT_NE(code_of("[kinds.a]\nnames = [1]\n[marks]\n").find("not a name"), std::string::npos);
  EXPECT_NE(code_of("[kinds.a]\n[marks]\npairs = [\"<\"]\n").find("'<'"), std::string::npos);
}

}  // namespace
}  // namespace gantry
