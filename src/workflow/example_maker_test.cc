#include "workflow/example_maker.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gantry {
namespace {

std::unique_ptr<Tokenizer> small_tokenizer() {
  return Tokenizer::open(std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/small-encoder");
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "第" + std::to_string(i) + "肋骨に転移なし。";
  return text;
}

TEST(ExampleMaker, ShortTextIsOneWindowWithSpecialsAndPrefix) {
  auto tokenizer = small_tokenizer();
  ExampleMaker maker(*tokenizer, {.prefix = "検査 ", .max_tokens = 64, .overlap = 8});
  EncodedText out = maker.encode("a", "骨転移なし。", 2);
  ASSERT_EQ(out.example.windows.size(), 1u);
  EXPECT_EQ(out.example.label, 2);
  auto whole = tokenizer->with_specials(tokenizer->encode("検査 骨転移なし。").ids);
  EXPECT_EQ(out.example.windows[0], whole);
  // Offsets point into the text, not into the prefix.
  const auto& offsets = out.offsets[0];
  ASSERT_EQ(offsets.size(), whole.size());
  EXPECT_EQ(offsets.front(), (ByteRange{0, 0}));
  EXPECT_EQ(offsets[3], (ByteRange{0, 3}));  // 骨, after [CLS] and the prefix's two characters
}

TEST(ExampleMaker, LongTextIsReadInOverlappingWindowsAndNothingIsLost) {
  auto tokenizer = small_tokenizer();
  const WindowSettings settings{.prefix = "", .max_tokens = 50, .overlap = 10};
  ExampleMaker maker(*tokenizer, settings);
  const std::string text = long_text();
  auto all = tokenizer->encode(text).ids;
  auto windows = maker.make("a", text).windows;
  ASSERT_GT(windows.size(), 3u);
  std::vector<int32_t> rebuilt;
  for (size_t w = 0; w < windows.size(); ++w) {
    EXPECT_LE(windows[w].size(), 50u);
    std::vector<int32_t> body(windows[w].begin() + 1, windows[w].end() - 1);
    if (w > 0) {
      ASSERT_GE(body.size(), 10u);
      EXPECT_TRUE(std::equal(body.begin(), body.begin() + 10, rebuilt.end() - 10));
      body.erase(body.begin(), body.begin() + 10);
    }
    rebuilt.insert(rebuilt.end(), body.begin(), body.end());
  }
  EXPECT_EQ(rebuilt, all);
}

TEST(ExampleMaker, RefusesLongTextWhenAsked) {
  auto tokenizer = small_tokenizer();
  ExampleMaker maker(*tokenizer, {.max_tokens = 50, .overlap = 10, .refuse_long = true});
  EXPECT_NO_THROW(maker.make("short", "骨転移なし。"));
  try {
    maker.make("report 7", long_text());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0706");
    EXPECT_NE(error.message().find("report 7"), std::string::npos);
  }
}

TEST(ExampleMaker, RefusesWindowsWithoutRoom) {
  auto tokenizer = small_tokenizer();
  EXPECT_THROW(ExampleMaker(*tokenizer, {.max_tokens = 2}), Error);
  EXPECT_THROW(ExampleMaker(*tokenizer, {.max_tokens = 20, .overlap = 18}), Error);
}

TEST(ExampleMaker, EmptyTextIsAWindowOfSpecials) {
  auto tokenizer = small_tokenizer();
  ExampleMaker maker(*tokenizer, {.max_tokens = 50, .overlap = 10});
  auto windows = maker.make("a", "").windows;
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].size(), 2u);
}

}  // namespace
}  // namespace gantry
