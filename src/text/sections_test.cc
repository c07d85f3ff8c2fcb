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

// Every report of the corpus, against ranges that a script found by each hospital's own rules.
TEST(Sections, CorpusIsCutRight) {
  std::map<std::string, std::string> reports;
  for (const auto& file : std::filesystem::directory_iterator(kRoot + "/corpora/bone-metastasis"))
    if (file.path().extension() == ".jsonl")
      for (const json& row : lines_of(file.path().string()))
        reports[row["report_id"]] = row["report"];
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
