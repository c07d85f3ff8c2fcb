#include "text/pattern.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

std::vector<std::string> found(const Pattern& pattern, std::string_view text) {
  std::vector<std::string> all;
  for (const Pattern::Match& m : pattern.find_all(text))
    all.emplace_back(text.substr(m.begin, m.end - m.begin));
  return all;
}
Pattern bytes(std::string_view pattern) { return {pattern, "E0378", "test"}; }
Pattern unicode(std::string_view pattern) { return Pattern::unicode(pattern, "E0362", "test"); }

using Strings = std::vector<std::string>;

TEST(Pattern, BytesIgnoreCaseAndReadDamagedText) {
  EXPECT_EQ(found(bytes("gy\\b"), "50 Gy, 60 GY \xFF 10 gy"), (Strings{"Gy", "GY", "gy"}));
  EXPECT_FALSE(bytes("x*").in("yyy")) << "nothing empty is found";
}

TEST(Pattern, UnicodeCountsCaseAndReadsCodePoints) {
  EXPECT_EQ(found(unicode("転.|\\bL\\d"), "l3 L4 骨転移、転位"), (Strings{"L4", "転移", "転位"}));
  EXPECT_EQ(found(unicode("\\w+"), "骨 é"), (Strings{"骨", "é"}));
  EXPECT_EQ(found(unicode("骨"), "骨 \xFF 骨"), Strings{}) << "not UTF-8";
}

TEST(Pattern, LooksAroundFromEachMatchOn) {
  EXPECT_EQ(found(unicode("(?<=[a,])b"), "ab,bb"), (Strings{"b", "b"}));
  const auto second = unicode("a").find("aba", 1);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->begin, 2u);
  EXPECT_FALSE(unicode("a").find("aba", 4)) << "behind the end";
}

TEST(Pattern, AcceptsWhatOnlyLooksAhead) {
  const Pattern both = unicode("^(?=.*骨)(?=.*転移)");
  EXPECT_TRUE(both.accepts("転移性の骨腫瘍"));
  EXPECT_FALSE(both.accepts("骨折"));
  EXPECT_FALSE(both.in("転移性の骨腫瘍")) << "an empty match is no piece of text";
}

TEST(Pattern, GroupsByNumberAndName) {
  const Pattern sizes = unicode("(?<old>\\d+)(?:cm)?→(?<new>\\d+)(mm)?");
  EXPECT_EQ(sizes.group("old"), 1u);
  EXPECT_EQ(sizes.group("new"), 2u);
  EXPECT_EQ(sizes.group("none"), 0u);
  const auto match = sizes.find("大きさ 12→15");
  ASSERT_TRUE(match);
  EXPECT_EQ((*match)[sizes.group("old")], "12");
  EXPECT_EQ((*match)[sizes.group("new")], "15");
  EXPECT_EQ((*match)[3], "") << "took no part";
  EXPECT_EQ((*match)[9], "") << "is not there";
}

TEST(Pattern, APatternThatNeedsTooManyStepsFindsNothing) {
  EXPECT_FALSE(unicode("(a+)+b").in(std::string(40, 'a') + "c"));
}

TEST(Pattern, RefusalsNameThePlaceAndSayWhatToDo) {
  for (const char* pattern : {"(", "[z-a]", "\\C"}) {
    try {
      Pattern::unicode(pattern, "E0361", "here", "Do this.");
      FAIL() << pattern;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0361");
      EXPECT_NE(error.message().find("here: the pattern '" + std::string(pattern)),
                std::string::npos);
      EXPECT_EQ(error.remedy(), "Do this.");
    }
  }
}

}  // namespace
}  // namespace gantry
