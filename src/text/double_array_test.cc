#include "text/double_array.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/error.h"
#include "text/base64.h"
#include "text/charsmap.h"

namespace gantry {
namespace {

// A fixed linear congruential generator: the tests need variety, not quality.
struct Numbers {
  uint32_t state = 12345;
  uint32_t operator()(uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  }
};

TEST(DoubleArray, FindsEveryPrefixAndNothingElse) {
  Numbers next;
  std::map<std::string, uint32_t> keys;
  for (uint32_t i = 0; i < 20000; ++i) {
    std::string key;
    for (uint32_t n = 1 + next(12); n > 0; --n)
      key += static_cast<char>(next(4) ? 'a' + next(4) : 1 + next(255));
    keys.emplace(key, i);
  }
  const DoubleArray trie = DoubleArray::build({keys.begin(), keys.end()});
  size_t found_keys = 0;
  for (uint32_t i = 0; i < 20000; ++i) {
    std::string text;
    for (uint32_t n = next(16); n > 0; --n)
      text += static_cast<char>(next(4) ? 'a' + next(4) : next(256));
    if (i < keys.size()) text = std::next(keys.begin(), i % 100)->first + text;
    std::map<size_t, uint32_t> want, got;
    for (size_t n = 1; n <= text.size(); ++n)
      if (const auto it = keys.find(text.substr(0, n)); it != keys.end()) want[n] = it->second;
    trie.prefixes(text, [&](size_t length, uint32_t value) { got[length] = value; });
    ASSERT_EQ(got, want) << i;
    found_keys += want.size();
  }
  EXPECT_GT(found_keys, 20000u);
}

TEST(DoubleArray, EmptyAndLong) {
  const auto count = [](const DoubleArray& trie, const std::string& text) {
    int n = 0;
    trie.prefixes(text, [&](size_t, uint32_t) { ++n; });
    return n;
  };
  EXPECT_EQ(count(DoubleArray(), "abc"), 0);
  EXPECT_EQ(count(DoubleArray::build({}), "abc"), 0);
  const std::string lengthy(100000, 'x');
  EXPECT_EQ(count(DoubleArray::build({{lengthy, 1}, {"x", 2}}), lengthy), 2);
}

// What a file brings may hold anything: a walk stays within the array.
TEST(DoubleArray, SurvivesAnyUnits) {
  Numbers next;
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint32_t> units(next(40));
    for (uint32_t& unit : units) unit = next(1u << 24) << next(9);
    const DoubleArray trie(units);
    std::string text;
    for (int i = 0; i < 30; ++i) text += static_cast<char>(next(256));
    trie.prefixes(text, [](size_t, uint32_t) {});
  }
}

TEST(Charsmap, WritesAndReads) {
  const std::string blob = Charsmap::write(std::vector<std::pair<std::string, std::string>>{
      {"①", "1"}, {"ｶ", "カ"}, {"ｶﾞ", "ガ"}, {"\x01", ""}, {"½", "1/2"}});
  const Charsmap map = Charsmap::parse(blob, "test");
  EXPECT_EQ(map.longest("ｶﾞﾝ")->replacement, "ガ");
  EXPECT_EQ(map.longest("ｶﾞﾝ")->length, 6u);
  EXPECT_EQ(map.shortest("ｶﾞﾝ")->replacement, "カ");
  EXPECT_EQ(map.shortest("ｶﾞﾝ")->length, 3u);
  EXPECT_EQ(map.longest("\x01")->replacement, "");
  EXPECT_EQ(map.longest("½")->replacement, "1/2");
  EXPECT_FALSE(map.longest("骨"));
  EXPECT_FALSE(map.longest(""));
  EXPECT_FALSE(map.shortest(std::string(1, '\0')));
}

TEST(Charsmap, RefusesDamagedBlobs) {
  const std::string blob =
      Charsmap::write(std::vector<std::pair<std::string, std::string>>{{"a", "b"}});
  for (size_t size = 0; size < blob.size(); ++size) {
    try {
      Charsmap::parse(blob.substr(0, size), "test");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0326");
    }
  }
  EXPECT_THROW(Charsmap::parse("", "test"), Error);
  EXPECT_THROW(Charsmap::parse("\xFF\xFF\xFF\xFF", "test"), Error);
  EXPECT_THROW(Charsmap::parse(blob.substr(0, blob.size() - 1), "test"), Error);
}

TEST(Base64, RoundTripAndRefusal) {
  for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"),
                                   std::string("foo"), std::string("\0\xFF\x80", 3)})
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  for (const char* bad : {"a", "abc", "ab=c", "====", "a===", "ab!d", "=abc"})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace gantry
