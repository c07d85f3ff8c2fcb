#include "text/encoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "text/jis_tables.h"
#include "text/unicode.h"

namespace gantry {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

struct Sequence {
  std::string bytes;
  char32_t code;
};

std::vector<Sequence> cp932_table() {
  std::ifstream in(std::string(GANTRY_SHARED_DIR) +
                   "/reference/vectors/cp932/cp932_python_table.tsv");
  std::vector<Sequence> table;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    std::string bytes, code;
    columns >> bytes >> code;
    table.push_back({from_hex(bytes), static_cast<char32_t>(std::stoul(code, nullptr, 16))});
  }
  return table;
}

TEST(Cp932, EverySequenceOfTheReferenceTable) {
  auto table = cp932_table();
  if (table.empty()) GTEST_SKIP() << "no shared/reference/vectors/cp932 here";
  for (const Sequence& s : table) {
    std::vector<TextDecoder::Bad> bad;
    EXPECT_EQ(decode_all(s.bytes, TextEncoding::cp932, &bad), to_utf8(s.code));
    EXPECT_TRUE(bad.empty());
  }
  EXPECT_GE(table.size(), 9700u);
}

TEST(Cp932, NothingButTheReferenceTable) {
  auto table = cp932_table();
  if (table.empty()) GTEST_SKIP() << "no shared/reference/vectors/cp932 here";
  std::vector<std::string> known;
  for (const Sequence& s : table) known.push_back(s.bytes);
  std::sort(known.begin(), known.end());
  for (int lead = 0x81; lead <= 0xFC; ++lead)
    for (int trail = 0x80; trail <= 0xFF; ++trail) {
      std::string bytes = {static_cast<char>(lead), static_cast<char>(trail)};
      bool pair = lead <= 0x9F || lead >= 0xE0;
      if (!pair) continue;
      std::vector<TextDecoder::Bad> bad;
      decode_all(bytes, TextEncoding::cp932, &bad);
      EXPECT_EQ(bad.empty(), std::binary_search(known.begin(), known.end(), bytes))
          << std::hex << lead << trail;
    }
}

// Every double-byte character of the rows 1 to 94, moved to its place in EUC-JP and ISO-2022-JP.
TEST(EucJpAndIso2022Jp, EveryDoubleByteCharacterOfCp932) {
  auto table = cp932_table();
  if (table.empty()) GTEST_SKIP() << "no shared/reference/vectors/cp932 here";
  int compared = 0;
  for (const Sequence& s : table) {
    auto lead = static_cast<uint8_t>(s.bytes[0]);
    if (s.bytes.size() != 2 || lead >= 0xF0) continue;
    auto trail = static_cast<uint8_t>(s.bytes[1]);
    int row = (lead - (lead < 0xA0 ? 0x70 : 0xB0)) * 2 - (trail < 0x9F);
    int cell = trail < 0x9F ? trail - 0x1F - (trail > 0x7F) : trail - 0x7E;
    std::string euc = {static_cast<char>(row + 0x80), static_cast<char>(cell + 0x80)};
    std::string iso =
        "\x1B$B" + std::string{static_cast<char>(row), static_cast<char>(cell)} + "\x1B(B";
    EXPECT_EQ(decode_all(euc, TextEncoding::euc_jp), to_utf8(s.code));
    EXPECT_EQ(decode_all(iso, TextEncoding::iso2022_jp), to_utf8(s.code));
    ++compared;
  }
  EXPECT_GT(compared, 7300);
}

struct Spelling {
  TextEncoding encoding;
  std::string bytes;
};

// "骨転移①髙﨑～" and the traps of each encoding, spelled out by hand.
TEST(TextDecoder, WhatMustSurvive) {
  const std::vector<std::pair<Spelling, std::string>> cases = {
      {{TextEncoding::cp932, "\x87\x40\x87\x54\xFB\xFC\xED\x95\x81\x60"}, "①Ⅰ髙﨑～"},
      {{TextEncoding::cp932, "\x83\x5C\x95\x5C\x94\x5C\x8F\x5C,\\"}, "ソ表能十,\\"},
      {{TextEncoding::cp932, "\xF0\x40"}, "\uE000"},
      {{TextEncoding::cp932, "\xBA\xC2\xB1"}, "ｺﾂｱ"},
      {{TextEncoding::euc_jp, "\xB9\xFC\xC5\xBE\xB0\xDC"}, "骨転移"},
      {{TextEncoding::euc_jp, "\xAD\xA1\xFC\xE2\xF9\xF5"}, "①髙﨑"},
      {{TextEncoding::euc_jp, "\x8E\xBA\x8E\xC2"}, "ｺﾂ"},
      {{TextEncoding::euc_jp, "\x8F\xB0\xA1"}, "丂"},
      {{TextEncoding::iso2022_jp, "\x1B$B9|E>0\\J|@~\x1B(B,"}, "骨転移放線,"},
      {{TextEncoding::iso2022_jp, "\x1B$B-!\x1B(J\\~"}, "①\\~"},
      {{TextEncoding::iso2022_jp, "\x1B(I:B\x1B(Ba"}, "ｺﾂa"},
      {{TextEncoding::iso2022_jp, "\x1B&@\x1B$B9|\nabc"}, "骨\nabc"},
      {{TextEncoding::iso2022_jp, "\x1B$(D0!\x1B(B"}, "丂"},
      {{TextEncoding::utf8, "\xEF\xBB\xBF骨\xF0\xA0\xAE\xB7"}, "骨𠮷"},
      {{TextEncoding::utf16le, std::string("\xFF\xFE\xA8\x9A\x42\xD8\xB7\xDF", 8)}, "骨𠮷"},
      {{TextEncoding::utf16be, std::string("\x9A\xA8\x00\x0A", 4)}, "骨\n"},
  };
  for (const auto& [spelling, expected] : cases) {
    std::vector<TextDecoder::Bad> bad;
    EXPECT_EQ(decode_all(spelling.bytes, spelling.encoding, &bad), expected);
    EXPECT_TRUE(bad.empty()) << expected;
    // The same in any two pieces.
    for (size_t cut = 0; cut <= spelling.bytes.size(); ++cut) {
      TextDecoder decoder(spelling.encoding);
      std::string out;
      decoder.decode(std::string_view(spelling.bytes).substr(0, cut), false, out, bad);
      decoder.decode(std::string_view(spelling.bytes).substr(cut), true, out, bad);
      EXPECT_EQ(out, expected) << cut;
    }
    EXPECT_TRUE(bad.empty()) << expected;
  }
}

TEST(TextDecoder, BadBytesAreReportedAndSeparatorsAreLeft) {
  struct Case {
    TextEncoding encoding;
    std::string bytes, expected, hex;
    uint64_t offset;
  };
  const std::vector<Case> cases = {
      {TextEncoding::cp932, "ab\x81\n", "ab\uFFFD\n", "81", 2},
      {TextEncoding::cp932, "\x81,", "\uFFFD,", "81", 0},
      {TextEncoding::cp932,
       "a\x87\x9E"
       "b",
       "a\uFFFD"
       "b",
       "87 9E", 1},
      {TextEncoding::cp932, "a\x81", "a\uFFFD", "81", 1},
      {TextEncoding::euc_jp, "a\xB9,", "a\uFFFD,", "B9", 1},
      {TextEncoding::euc_jp, "\xA9\xA1", "\uFFFD", "A9 A1", 0},
      {TextEncoding::euc_jp, "a\x80", "a\uFFFD", "80", 1},
      {TextEncoding::iso2022_jp, "a\x1B[b", "a\uFFFD[b", "1B", 1},
      {TextEncoding::iso2022_jp, "\x1B$B9", "\uFFFD", "39", 3},
      {TextEncoding::utf8, "a\xED\xA0\x80", "a\uFFFD\uFFFD\uFFFD", "ED", 1},
      {TextEncoding::utf8, "\xC0\xAF", "\uFFFD\uFFFD", "C0", 0},
      {TextEncoding::utf8, "x\xE9\xAA\"", "x\uFFFD\"", "E9 AA", 1},
      {TextEncoding::utf8, "\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD", "F4", 0},
      {TextEncoding::utf16le, std::string("\x00\xD8\x41\x00", 4),
       "\uFFFD"
       "A",
       "00 D8", 0},
      {TextEncoding::utf16le, "A", "\uFFFD", "41", 0},
  };
  for (const Case& c : cases) {
    std::vector<TextDecoder::Bad> bad;
    EXPECT_EQ(decode_all(c.bytes, c.encoding, &bad), c.expected);
    ASSERT_FALSE(bad.empty()) << c.expected;
    EXPECT_EQ(bad[0].bytes, c.hex);
    EXPECT_EQ(bad[0].input_offset, c.offset);
    EXPECT_EQ(bad[0].output_offset, c.expected.find("\uFFFD"));
  }
  std::vector<TextDecoder::Bad> bad;
  EXPECT_EQ(decode_all("\uFFFD", TextEncoding::utf8, &bad),
            "\uFFFD");  // written so by somebody else
  EXPECT_TRUE(bad.empty());
}

TEST(TextDecoder, PrivateUseIsCounted) {
  TextDecoder decoder(TextEncoding::cp932);
  std::string out;
  std::vector<TextDecoder::Bad> bad;
  decoder.decode("\xF0\x40\xF0\x40\xF9\xFC", true, out, bad);
  std::map<uint32_t, uint64_t> expected = {{0xE000, 2}, {0xE757, 1}};
  EXPECT_EQ(decoder.private_use(), expected);
  EXPECT_EQ(out, "\uE000\uE000\uE757");
}

// Encoders for the test only: by search in the decoder.
std::string encode(std::string_view utf8, TextEncoding encoding) {
  static std::map<std::pair<TextEncoding, char32_t>, std::string> known;
  auto learn = [&](std::string bytes) {
    std::vector<TextDecoder::Bad> bad;
    std::string out = decode_all(bytes, encoding, &bad);
    size_t at = 0;
    if (bad.empty() && !out.empty()) known.try_emplace({encoding, next_code_point(out, at)}, bytes);
  };
  if (encoding == TextEncoding::cp932 && !known.contains({encoding, U'骨'}))
    for (int a = 0x81; a <= 0xFC; ++a)
      for (int b = 0x40; b <= 0xFC; ++b)
        if (a < 0xA0 || a >= 0xE0) learn({static_cast<char>(a), static_cast<char>(b)});
  if (encoding == TextEncoding::euc_jp && !known.contains({encoding, U'骨'}))
    for (int a = 0xA1; a <= 0xFE; ++a)
      for (int b = 0xA1; b <= 0xFE; ++b) learn({static_cast<char>(a), static_cast<char>(b)});
  std::string out;
  bool double_byte = false;
  for (size_t i = 0; i < utf8.size();) {
    char32_t c = next_code_point(utf8, i);
    if (encoding == TextEncoding::utf16le || encoding == TextEncoding::utf16be) {
      bool little = encoding == TextEncoding::utf16le;
      char low = static_cast<char>(c & 0xFF), high = static_cast<char>(c >> 8);
      out += {little ? low : high, little ? high : low};
    } else if (encoding == TextEncoding::iso2022_jp) {
      if ((c >= 0x80) != double_byte) out += (double_byte = c >= 0x80) ? "\x1B$B" : "\x1B(B";
      std::string euc = encode(to_utf8(c), c < 0x80 ? TextEncoding::utf8 : TextEncoding::euc_jp);
      for (char byte : euc) out.push_back(static_cast<char>(byte & 0x7F));
    } else if (c < 0x80 || encoding == TextEncoding::utf8) {
      out += to_utf8(c);
    } else {
      out += known[{encoding, c}];
    }
  }
  if (double_byte) out += "\x1B(B";
  return out;
}

constexpr TextEncoding kAll[] = {TextEncoding::utf8,    TextEncoding::utf16le,
                                 TextEncoding::utf16be, TextEncoding::cp932,
                                 TextEncoding::euc_jp,  TextEncoding::iso2022_jp};

TEST(Detect, OneShortReportInEveryEncoding) {
  const std::string text =
      "id,report\nA1,\"【臨床情報】乳癌術後。骨転移検索。\n【診断】骨転移を認めません。\"\n";
  for (TextEncoding encoding : kAll) {
    Detected found = detect_encoding(encode(text, encoding), true);
    EXPECT_EQ(found.encoding, encoding) << name_of(encoding) << " " << found.reason;
    EXPECT_GT(found.confidence, 0.999) << name_of(encoding);
    EXPECT_TRUE(found.is_text);
    EXPECT_EQ(decode_all(encode(text, encoding), encoding), text);
  }
}

// Every report of the corpus by itself, in every encoding, cut at an odd place.
TEST(Detect, EveryReportOfTheCorpus) {
  int wrong = 0, all = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::string(GANTRY_SOURCE_DIR) +
                                                              "/corpora/bone-metastasis")) {
    if (file.path().extension() != ".jsonl") continue;
    std::ifstream in(file.path());
    int n = 0;
    for (std::string line; std::getline(in, line);) {
      if (++n % 5) continue;
      for (TextEncoding encoding : kAll) {
        std::string bytes = encode(line + "\n", encoding);
        bytes.resize(bytes.size() - bytes.size() / 3);
        Detected found = detect_encoding(bytes, false);
        wrong += found.encoding != encoding || !found.is_text;
        ++all;
      }
    }
  }
  EXPECT_GT(all, 1000);
  EXPECT_EQ(wrong, 0);
}

TEST(Detect, OneBadRowDoesNotTurnTheFile) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "骨転移を認めません。\n";
  std::string with_bad = text + "A\x81\xFF\n" + text;
  EXPECT_EQ(detect_encoding(with_bad, true).encoding, TextEncoding::utf8);
  std::string nul = text + std::string("A\0B\n", 4) + text;
  EXPECT_EQ(detect_encoding(nul, true).encoding, TextEncoding::utf8);
  EXPECT_TRUE(detect_encoding(nul, true).is_text);
  std::string sjis = encode(text, TextEncoding::cp932) + "\xE9\xAA\xA8\xE8\xBB\xA2\n" +
                     encode(text, TextEncoding::cp932);
  EXPECT_EQ(detect_encoding(sjis, true).encoding, TextEncoding::cp932);
}

TEST(Detect, MarksAsciiAndWhatIsNoText) {
  EXPECT_EQ(detect_encoding("\xEF\xBB\xBFid", true).reason, "byte order mark");
  EXPECT_EQ(detect_encoding("\xFE\xFF", true).encoding, TextEncoding::utf16be);
  EXPECT_EQ(detect_encoding("id,text\n1,CT\n", true).reason, "nothing beyond ASCII");
  EXPECT_EQ(detect_encoding("", true).encoding, TextEncoding::utf8);
  EXPECT_FALSE(detect_encoding(std::string_view("PK\x03\x04\x14\0", 6), true).is_text);
  EXPECT_FALSE(detect_encoding(std::string_view("\xFF\xFE\0\0a\0\0\0", 8), true).is_text);
  std::string noise;
  uint32_t state = 12345;
  for (int i = 0; i < 4000; ++i)
    noise.push_back(static_cast<char>((state = state * 1664525 + 1013904223) >> 24));
  EXPECT_FALSE(detect_encoding(noise, true).is_text);
}

// A single sign beyond ASCII in an English report: C2 B1 is also ﾂｱ in CP932.
TEST(Detect, EnglishWithASign) {
  for (const char* text : {"size 12\u00B10.5 mm\n", "caf\u00E9 au lait spots\n", "25 \u00B5m\n",
                           "\u03B2-HCG, 37\u00B0C\n", "T2 \u2192 T1\n"}) {
    Detected found = detect_encoding(text, true);
    EXPECT_EQ(found.encoding, TextEncoding::utf8) << text;
    EXPECT_GT(found.confidence, 0.9) << text;
  }
}

TEST(Detect, HalfWidthKanaAmongKanji) {
  std::string text = "患者名,所見\nﾔﾏﾀﾞ ﾀﾛｳ,骨転移なし。\nｽｽﾞｷ ﾊﾅｺ,変化を認めません。\n";
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    char32_t c = next_code_point(text, i);
    if (c >= 0xFF61 && c <= 0xFF9F)
      bytes.push_back(static_cast<char>(0xA1 + (c - 0xFF61)));
    else
      bytes += encode(to_utf8(c), TextEncoding::cp932);
  }
  Detected found = detect_encoding(bytes, true);
  EXPECT_EQ(found.encoding, TextEncoding::cp932);
  EXPECT_EQ(decode_all(bytes, TextEncoding::cp932), text);
}

TEST(TextEncoding, NamesPeopleUse) {
  EXPECT_EQ(find_encoding("Shift_JIS"), TextEncoding::cp932);
  EXPECT_EQ(find_encoding("UTF-8-sig"), TextEncoding::utf8);
  EXPECT_EQ(find_encoding("EUC-JP"), TextEncoding::euc_jp);
  EXPECT_EQ(find_encoding("latin-1"), std::nullopt);
  for (TextEncoding encoding : kAll) EXPECT_EQ(find_encoding(name_of(encoding)), encoding);
}

}  // namespace
}  // namespace gantry
