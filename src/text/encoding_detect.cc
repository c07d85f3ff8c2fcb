// Which encoding a file is in. Every candidate reads the sample, and each reading is weighed by how
// probable such a text is: a simple model of Japanese text with one probability for a class of
// characters, shared evenly among its members. All models are distributions over the same bytes, so
// the log-likelihoods can be compared; the confidence is the share of the winner.
#include <algorithm>
#include <cmath>
#include <vector>

#include "text/encoding.h"
#include "text/jis_tables.h"

namespace gantry {
namespace {

constexpr size_t kSampleLimit = size_t{256} << 10;
// Characters of a text hang together, so a model that takes each by itself is too sure: its
// log-likelihoods count a third.
constexpr double kCaution = 1.0 / 3;
constexpr size_t kPlentyOfUtf8 =
    1000;  // characters beyond ASCII without a bad byte: no other reading
// Shares of the characters beyond which it is no text: bad bytes and control characters; and, in a
// legacy encoding or UTF-16, characters that Japanese text hardly has.
constexpr double kWorstBadShare = 0.1, kWorstForeignShare = 0.3;

// Common kanji: JIS X 0208 level 1 (rows 16 to 47).
const std::vector<bool>& level_1() {
  static const std::vector<bool> table = [] {
    std::vector<bool> t(0x10000);
    for (int row = 16; row <= 47; ++row)
      for (const char16_t* cell = kCp932Rows[row - 1]; *cell; ++cell)
        if (*cell != 0xFFFD) t[*cell] = true;
    return t;
  }();
  return table;
}

constexpr uint32_t kHalfWidthFirst = 0xFF61, kHalfWidthLast = 0xFF9F;
constexpr uint32_t kForeign = 0xAC00;  // a character of the rarest class

double log_share(double probability, double members) { return std::log(probability / members); }

// Shares are guesses from Japanese clinical text; what matters is their order of magnitude.
double log_probability(uint32_t c) {
  static const double ascii = log_share(0.3, 95), control = std::log(1e-7),
                      hiragana = log_share(0.25, 83), katakana = log_share(0.1, 86),
                      common_kanji = log_share(0.25, 2965), punctuation = log_share(0.08, 120),
                      half_width = log_share(0.01, 63), symbol = log_share(0.005, 600),
                      latin = log_share(0.005, 200), other_kanji = log_share(0.004, 18000),
                      other = log_share(1e-5, 40000);
  if (c < 0x80) {
    bool plain = c >= 0x20 ? c != 0x7F : c == '\t' || c == '\n' || c == '\r';
    return plain ? ascii : control;
  }
  if (c < 0xA0) return control;
  if (c < 0x180) return latin;  // é, ±, µ in English reports
  if (c >= 0x3041 && c <= 0x3096) return hiragana;
  if (c >= 0x30A1 && c <= 0x30FC) return katakana;
  if (c >= 0x4E00 && c <= 0x9FFF) return level_1()[c] ? common_kanji : other_kanji;
  if ((c >= 0x3000 && c <= 0x3015) || (c >= 0xFF01 && c <= 0xFF5E)) return punctuation;
  if (c >= kHalfWidthFirst && c <= kHalfWidthLast) return half_width;
  if ((c >= 0x2010 && c <= 0x25FF) || (c >= 0x391 && c <= 0x451)) return symbol;
  return other;
}

// How often files are in an encoding, before a look at them.
double log_prior(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::utf8:
      return std::log(0.9);
    case TextEncoding::cp932:
      return std::log(0.07);
    case TextEncoding::euc_jp:
      return std::log(0.02);
    default:
      return std::log(0.005);
  }
}

struct Reading {
  TextEncoding encoding;
  double log_likelihood = 0;  // times kCaution, and with the prior, once all is read
  size_t characters = 0, beyond_ascii = 0, bad = 0, controls = 0, foreign = 0;
};

Reading read_as(TextEncoding encoding, std::string_view sample, bool complete) {
  static const double bad_byte = std::log(1e-8), half_width_run = log_share(0.3, 63);
  bool after_kana = false;  // half-width kana come in runs
  Reading reading{encoding};
  std::string text;
  std::vector<TextDecoder::Bad> bad;
  TextDecoder(encoding).decode(sample, complete, text, bad);
  reading.bad = bad.size();
  reading.log_likelihood = bad_byte * static_cast<double>(bad.size());
  for (size_t i = 0; i < text.size(); ++reading.characters) {
    auto a = static_cast<uint8_t>(text[i]);
    int length = a < 0x80 ? 1 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
    uint32_t c = length == 1 ? a : a & (0x7F >> length);
    for (int k = 1; k < length; ++k) c = c << 6 | (text[i + k] & 0x3F);
    double p = log_probability(c);
    bool kana = c >= kHalfWidthFirst && c <= kHalfWidthLast;
    if (kana && after_kana) p = half_width_run;
    after_kana = kana;
    reading.log_likelihood += p;
    reading.beyond_ascii += c >= 0x80;
    reading.controls += c < 0xA0 && p == log_probability(0);
    reading.foreign += c >= 0xA0 && p == log_probability(kForeign);
    i += length;
  }
  reading.log_likelihood = kCaution * reading.log_likelihood + log_prior(encoding);
  return reading;
}

// Files that people take for text: by their first bytes.
std::string_view known_binary(std::string_view sample) {
  static constexpr std::pair<std::string_view, std::string_view> kMagic[] = {
      {"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"},
      {"\xD0\xCF\x11\xE0", "an old Excel or Word file (.xls, .doc)"},
      {"%PDF-", "a PDF file"},
      {"\x1F\x8B", "a gzip file"},
      {"SQLite format 3", "an SQLite database"},
      {"\x89PNG", "a PNG image"},
      {"\xFF\xD8\xFF", "a JPEG image"},
      {"BZh", "a bzip2 file"},
      {"\xFD"
       "7zXZ",
       "an xz file"},
      {"7z\xBC\xAF", "a 7-Zip archive"},
  };
  for (const auto& [magic, name] : kMagic)
    if (sample.starts_with(magic)) return name;
  if (sample.size() > 132 && sample.substr(128, 4) == "DICM") return "a DICOM file";
  using namespace std::string_view_literals;
  if (sample.starts_with("\xFF\xFE\0\0"sv) || sample.starts_with("\0\0\xFE\xFF"sv))
    return "UTF-32 text, which is not read here";
  return {};
}

std::string describe(const Reading& best) {
  if (best.beyond_ascii == 0) return "nothing beyond ASCII";
  std::string text = std::to_string(best.beyond_ascii) + " characters beyond ASCII";
  if (best.bad) text += ", " + std::to_string(best.bad) + " bad";
  switch (best.encoding) {
    case TextEncoding::utf8:
      return "reads as UTF-8: " + text;
    case TextEncoding::iso2022_jp:
      return "escape sequences: " + text;
    case TextEncoding::utf16le:
    case TextEncoding::utf16be:
      return "every second byte is of another kind: " + text;
    default:
      return "reads best as Japanese: " + text;
  }
}

}  // namespace

Detected detect_encoding(std::string_view sample, bool complete) {
  if (sample.size() > kSampleLimit) {
    sample = sample.substr(0, kSampleLimit);
    complete = false;
  }
  if (std::string_view what = known_binary(sample); !what.empty())
    return {TextEncoding::utf8, 1, std::string(what), false};
  if (sample.starts_with("\xEF\xBB\xBF")) return {TextEncoding::utf8, 1, "byte order mark", true};
  if (sample.starts_with("\xFF\xFE")) return {TextEncoding::utf16le, 1, "byte order mark", true};
  if (sample.starts_with("\xFE\xFF")) return {TextEncoding::utf16be, 1, "byte order mark", true};

  std::vector<Reading> readings = {read_as(TextEncoding::utf8, sample, complete)};
  bool certain =
      readings[0].bad + readings[0].controls == 0 && readings[0].beyond_ascii > kPlentyOfUtf8;
  if (certain) return {TextEncoding::utf8, 1, describe(readings[0]), true};
  if (readings[0].beyond_ascii + readings[0].bad > 0) {
    readings.push_back(read_as(TextEncoding::cp932, sample, complete));
    readings.push_back(read_as(TextEncoding::euc_jp, sample, complete));
  }
  if (sample.find('\x1B') != sample.npos)
    readings.push_back(read_as(TextEncoding::iso2022_jp, sample, complete));
  if (sample.find('\0') != sample.npos) {
    readings.push_back(read_as(TextEncoding::utf16le, sample, complete));
    readings.push_back(read_as(TextEncoding::utf16be, sample, complete));
  }
  // On a tie the first stays: plain ASCII is called UTF-8.
  auto best = std::max_element(readings.begin(), readings.end(), [](auto& a, auto& b) {
    return a.log_likelihood < b.log_likelihood;
  });
  double others = 0;
  for (const Reading& r : readings)
    if (&r != &*best) others += std::exp(r.log_likelihood - best->log_likelihood);
  Detected found{best->encoding, 1 / (1 + others), describe(*best), true};
  auto strange = static_cast<double>(best->bad + best->controls);
  auto foreign = best->encoding == TextEncoding::utf8 ? 0.0 : static_cast<double>(best->foreign);
  auto characters = static_cast<double>(best->characters);
  if ((strange > 3 && strange > kWorstBadShare * characters) ||
      (foreign > 3 && foreign > kWorstForeignShare * characters)) {
    found.is_text = false;
    found.reason = "bytes that are no text in any encoding of Japanese";
  }
  return found;
}

}  // namespace gantry
