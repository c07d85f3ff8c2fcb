#include "text/normalize.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace gantry {
namespace {

const std::string kData = std::string(GANTRY_SOURCE_DIR) + "/tests/data/tokenizers/";

TEST(Normalize, JapaneseForms) {
  EXPECT_EQ(nfkc("ﾘﾝﾊﾟ節　ＣＴ①Ⅳ㎜"), "リンパ節 CT1IVmm");
  EXPECT_EQ(nfkc("ｶﾞ"), "ガ");
  EXPECT_EQ(nfkc("か\u3099"), "が");
  EXPECT_EQ(nfd("が"), "か\u3099");
  EXPECT_EQ(nfc("e\u0301"), "é");
  EXPECT_EQ(nfkd("ﬁ"), "fi");
  EXPECT_EQ(nfkc(""), "");
  EXPECT_EQ(nfkc("〜ー−"), "〜ー−");  // the wave dash, the long vowel and the minus sign stay
  EXPECT_EQ(strip_accents("naïve が"), "naive か");
  EXPECT_EQ(lower_case("ＡÀİΣ"), "ａài\u0307σ");
}

// Against Python's unicodedata, by digests (tests/oracles/tokenizers_components.py).
TEST(Normalize, EqualsPythonOnAllStrings) {
  const auto strings = nlohmann::json::parse(read_file(kData + "strings.json"));
  std::istringstream forms(read_file(kData + "normal_forms.txt"));
  const auto digest = [](const std::string& text) { return sha256_hex(text).substr(0, 12); };
  size_t n = 0;
  for (const std::string text : strings) {
    std::string c, d, kc, kd, lower;
    ASSERT_TRUE(forms >> c >> d >> kc >> kd >> lower);
    EXPECT_EQ(digest(nfc(text)), c) << text;
    EXPECT_EQ(digest(nfd(text)), d) << text;
    EXPECT_EQ(digest(nfkc(text)), kc) << text;
    EXPECT_EQ(digest(nfkd(text)), kd) << text;
    EXPECT_EQ(digest(lower_case(text)), lower) << text;
    EXPECT_EQ(nfkc(nfkc(text)), nfkc(text)) << text;
    ++n;
  }
  EXPECT_GE(n, 500u);
}

// Ill-formed UTF-8 is replaced by maximal subparts (Unicode 15, section 3.9, table 3-8).
TEST(Normalize, RepairsIllFormedText) {
  const std::pair<std::string, std::pair<std::string, size_t>> cases[] = {
      {"骨", {"骨", 0}},
      {"\xC0\xAF", {"\uFFFD\uFFFD", 2}},
      {"\xE0\x80\xAF", {"\uFFFD\uFFFD\uFFFD", 3}},
      {"\xED\xA0\x80", {"\uFFFD\uFFFD\uFFFD", 3}},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
       {"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
        "A\uFFFD\uFFFD"
        "B",
        7}},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", {"\uFFFD\uFFFD\uFFFD\uFFFDA", 4}},
      {"\xE9\xAA", {"\uFFFD", 1}},
      {std::string("a\0b", 3), {std::string("a\0b", 3), 0}}};
  for (const auto& [given, want] : cases) {
    size_t replaced = 99;
    EXPECT_EQ(repair_utf8(given, &replaced), want.first);
    EXPECT_EQ(replaced, want.second);
    EXPECT_EQ(is_valid_utf8(given), want.second == 0);
    EXPECT_EQ(nfkc(given), nfkc(want.first));
  }
}

TEST(Unicode, Utf8RoundTrip) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string text = to_utf8(c);
    size_t position = 0;
    ASSERT_EQ(next_code_point(text, position), c);
    ASSERT_EQ(position, text.size());
    ASSERT_EQ(valid_utf8_length(text), text.size());
    ASSERT_EQ(utf8_length(text[0]), text.size());
  }
  EXPECT_EQ(count_code_points("a骨😀"), 3u);
}

}  // namespace
}  // namespace gantry
