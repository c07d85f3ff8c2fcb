#include "text/encoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "text/jis_tables.h"
#include "text/unicode.h"

namespace gantry {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;  // no character
constexpr uint32_t kReplacement = 0xFFFD;
constexpr uint32_t kPrivateFirst = 0xE000, kPrivateLast = 0xF8FF;
constexpr uint32_t kHalfWidthKana = 0xFF61;  // of the byte A1 (CP932, EUC-JP), 21 (ISO-2022-JP)

uint32_t cell_of(const char16_t* cells, int cell) {
  return !cells || cells[cell - 1] == kReplacement ? kNone : cells[cell - 1];
}

// Of a row and cell from 1 to 94 in JIS X 0208 and its extensions up to row 120; rows 95 to 114 are
// the 1,880 user-defined characters of CP932.
uint32_t jis_x_0208(int row, int cell) {
  if (row >= 95 && row <= 114) return kPrivateFirst + (row - 95) * 94 + (cell - 1);
  return cell_of(row <= 94 ? kCp932Rows[row - 1] : kIbmRows[row - 115], cell);
}

// EUC-JP and ISO-2022-JP: the same, but the rows that JIS X 0208 leaves free hold user-defined
// characters, as in eucJP-ms (rows 85 to 94 are U+E000 on; 89 to 92 are NEC's selection here).
uint32_t jis_or_user_defined(int row, int cell) {
  if ((row >= 85 && row <= 88) || row == 93 || row == 94)
    return kPrivateFirst + (row - 85) * 94 + (cell - 1);
  return jis_x_0208(row, cell);
}

uint32_t jis_x_0212(int row, int cell) {
  if (row >= 85) return kPrivateFirst + 940 + (row - 85) * 94 + (cell - 1);  // as in eucJP-ms
  return cell_of(kJisX0212Rows[row - 1], cell);
}

struct Step {
  int bytes;      // used up; 0: more are needed
  uint32_t code;  // kNone: these bytes are bad
};
constexpr Step kMore = {0, kNone};

bool between(uint8_t byte, int low, int high) { return byte >= low && byte <= high; }

// A double-byte character that is not assigned: an ASCII trail byte may be a comma, a quote or a
// line end and is left for the next step.
Step unassigned(uint8_t trail) { return {trail < 0x80 ? 1 : 2, kNone}; }

Step step_cp932(const uint8_t* p, size_t n) {
  uint8_t a = p[0];
  if (a <= 0x80) return {1, a};
  if (between(a, 0xA1, 0xDF)) return {1, kHalfWidthKana + (a - 0xA1)};
  if (a == 0xA0) return {1, 0xF8F0};
  if (a >= 0xFD) return {1, 0xF8F1u + (a - 0xFD)};
  if (n < 2) return kMore;
  uint8_t b = p[1];
  if (b < 0x40 || b == 0x7F || b > 0xFC) return {1, kNone};
  int row = (a - (a < 0xA0 ? 0x81 : 0xC1)) * 2 + (b >= 0x9F ? 2 : 1);
  int cell = b >= 0x9F ? b - 0x9E : b - 0x3F - (b > 0x7F);
  uint32_t code = jis_x_0208(row, cell);
  return code == kNone ? unassigned(b) : Step{2, code};
}

Step step_euc_jp(const uint8_t* p, size_t n) {
  uint8_t a = p[0];
  if (a < 0x80) return {1, a};
  if (a != 0x8E && a != 0x8F && !between(a, 0xA1, 0xFE)) return {1, kNone};
  if (n < 2) return kMore;
  uint8_t b = p[1];
  if (!between(b, 0xA1, 0xFE)) return {1, kNone};
  if (a == 0x8E) return b <= 0xDF ? Step{2, kHalfWidthKana + (b - 0xA1)} : Step{2, kNone};
  if (a == 0x8F) {
    if (n < 3) return kMore;
    if (!between(p[2], 0xA1, 0xFE)) return {2, kNone};
    return {3, jis_x_0212(b - 0xA0, p[2] - 0xA0)};
  }
  return {2, jis_or_user_defined(a - 0xA0, b - 0xA0)};
}

enum class JisMode : uint8_t { ascii, kana, jis_x_0208, jis_x_0212 };

struct Escape {
  std::string_view bytes;
  JisMode mode;
};
constexpr std::array<Escape, 8> kEscapes = {{
    {"\x1B(B", JisMode::ascii},
    {"\x1B(J", JisMode::ascii},  // JIS X 0201 Roman; as in CP50221 its 5C and 7E are \ and ~
    {"\x1B(H", JisMode::ascii},  // the same, as some old programs write it
    {"\x1B(I", JisMode::kana},
    {"\x1B$@", JisMode::jis_x_0208},
    {"\x1B$B", JisMode::jis_x_0208},
    {"\x1B$(D", JisMode::jis_x_0212},
    {"\x1B$(B", JisMode::jis_x_0208},
}};
constexpr std::string_view kJis1990 = "\x1B&@";  // announces JIS X 0208:1990 before ESC $ B

// Consumes an escape sequence: its length, 0 when more bytes are needed, -1 when it is none.
int take_escape(const uint8_t* p, size_t n, bool last, JisMode& mode) {
  std::string_view here(reinterpret_cast<const char*>(p), std::min<size_t>(n, 4));
  for (const Escape& escape : kEscapes)
    if (here.starts_with(escape.bytes)) {
      mode = escape.mode;
      return static_cast<int>(escape.bytes.size());
    }
  if (here.starts_with(kJis1990)) return static_cast<int>(kJis1990.size());
  if (last) return -1;
  for (const Escape& escape : kEscapes)
    if (escape.bytes.starts_with(here)) return 0;
  return kJis1990.starts_with(here) ? 0 : -1;
}

Step step_iso2022_jp(const uint8_t* p, size_t n, JisMode& mode) {
  uint8_t a = p[0];
  if (a == '\n' || a == '\r') mode = JisMode::ascii;  // a line always begins in ASCII
  if (a <= 0x20) return {1, a};
  if (mode == JisMode::ascii && a < 0x80) return {1, a};
  if (mode == JisMode::kana && between(a, 0x21, 0x5F)) return {1, kHalfWidthKana + (a - 0x21)};
  if (mode == JisMode::ascii || mode == JisMode::kana)  // 8-bit kana, as Windows writes it
    return between(a, 0xA1, 0xDF) ? Step{1, kHalfWidthKana + (a - 0xA1)} : Step{1, kNone};
  // Leads 7F to 98 are Windows's way to write user-defined characters and the IBM extensions.
  if (a > (mode == JisMode::jis_x_0208 ? 0x98 : 0x7E)) return {1, kNone};
  if (n < 2) return kMore;
  uint8_t b = p[1];
  if (!between(b, 0x21, 0x7E)) return {1, kNone};
  int row = a - 0x20, cell = b - 0x20;
  return {2, mode == JisMode::jis_x_0208 ? jis_or_user_defined(row, cell) : jis_x_0212(row, cell)};
}

// One UTF-8 character; a bad one takes its "maximal subpart" (Unicode Standard, section 3.9).
Step step_utf8(const uint8_t* p, size_t n) {
  uint8_t a = p[0];
  if (a < 0x80) return {1, a};
  if (!between(a, 0xC2, 0xF4)) return {1, kNone};
  int more = a < 0xE0 ? 1 : a < 0xF0 ? 2 : 3;
  int low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
  int high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;  // no surrogates, nothing past U+10FFFF
  uint32_t code = a & (0x3F >> more);
  for (int i = 1; i <= more; ++i, low = 0x80, high = 0xBF) {
    if (static_cast<size_t>(i) >= n) return kMore;
    if (!between(p[i], low, high)) return {i, kNone};
    code = code << 6 | (p[i] & 0x3F);
  }
  return {more + 1, code};
}

Step step_utf16(const uint8_t* p, size_t n, bool little) {
  auto unit = [&](size_t i) -> uint32_t {
    return little ? p[i] | p[i + 1] << 8 : p[i] << 8 | p[i + 1];
  };
  if (n < 2) return kMore;
  uint32_t a = unit(0);
  if (a < 0xD800 || a > 0xDFFF) return {2, a};
  if (a >= 0xDC00) return {2, kNone};
  if (n < 4) return kMore;
  uint32_t b = unit(2);
  if (b < 0xDC00 || b > 0xDFFF) return {2, kNone};
  return {4, 0x10000 + ((a - 0xD800) << 10) + (b - 0xDC00)};
}

// Length of the leading ASCII bytes, eight at a time.
size_t ascii_run(const uint8_t* p, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, p + i, 8);
    if (eight & 0x8080808080808080u) break;
  }
  while (i < n && p[i] < 0x80) ++i;
  return i;
}

std::string hexadecimal(const uint8_t* p, size_t n) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < n; ++i) {
    if (i) out.push_back(' ');
    out.push_back(kDigits[p[i] >> 4]);
    out.push_back(kDigits[p[i] & 15]);
  }
  return out;
}

std::string_view byte_order_mark(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::utf8:
      return "\xEF\xBB\xBF";
    case TextEncoding::utf16le:
      return "\xFF\xFE";
    case TextEncoding::utf16be:
      return "\xFE\xFF";
    default:
      return {};
  }
}

}  // namespace

struct TextDecoder::State {
  TextEncoding encoding;
  JisMode mode = JisMode::ascii;
  std::string carry;    // the cut character at the end of the last piece
  uint64_t offset = 0;  // of carry (or else of the next piece) in the stream
  bool started = false;
  std::map<uint32_t, uint64_t> private_use;

  Step step(const uint8_t* p, size_t n) {
    switch (encoding) {
      case TextEncoding::utf8:
        return step_utf8(p, n);
      case TextEncoding::utf16le:
        return step_utf16(p, n, true);
      case TextEncoding::utf16be:
        return step_utf16(p, n, false);
      case TextEncoding::cp932:
        return step_cp932(p, n);
      case TextEncoding::euc_jp:
        return step_euc_jp(p, n);
      case TextEncoding::iso2022_jp:
        return step_iso2022_jp(p, n, mode);
    }
    return {1, kNone};
  }
  // Copies what needs no change: bytes used up.
  size_t copy_plain(const uint8_t* p, size_t n, std::string& out) {
    size_t run = 0;
    if (encoding == TextEncoding::utf8)
      run = valid_run(p, n);
    else if (encoding == TextEncoding::cp932 || encoding == TextEncoding::euc_jp)
      run = ascii_run(p, n);
    out.append(reinterpret_cast<const char*>(p), run);
    return run;
  }
  size_t valid_run(const uint8_t* p, size_t n);
  void run(std::string_view bytes, bool last, std::string& out, std::vector<Bad>& bad);
};

// Length of the leading well-formed UTF-8, with a short way for characters of three bytes: nearly
// all of Japanese.
size_t TextDecoder::State::valid_run(const uint8_t* p, size_t n) {
  size_t i = 0;
  while (i < n) {
    if (p[i] < 0x80) {
      i += ascii_run(p + i, n - i);
      continue;
    }
    if (i + 3 <= n && between(p[i], 0xE1, 0xEF) && p[i] != 0xED) {
      if ((p[i + 1] & 0xC0) != 0x80 || (p[i + 2] & 0xC0) != 0x80) return i;
      if (p[i] >= 0xEE) {
        uint32_t c = (p[i] & 0x0Fu) << 12 | (p[i + 1] & 0x3Fu) << 6 | (p[i + 2] & 0x3Fu);
        if (c <= kPrivateLast) ++private_use[c];
      }
      i += 3;
      continue;
    }
    Step s = step_utf8(p + i, n - i);
    if (s.bytes == 0 || s.code == kNone) return i;
    i += s.bytes;
  }
  return i;
}

void TextDecoder::State::run(std::string_view bytes, bool last, std::string& out,
                             std::vector<Bad>& bad) {
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t n = bytes.size(), i = 0;
  auto bad_bytes = [&](size_t count) {
    bad.push_back({offset + i, out.size(), hexadecimal(p + i, count)});
    append_utf8(out, kReplacement);
    i += count;
  };
  while (i < n) {
    size_t copied = copy_plain(p + i, n - i, out);
    i += copied;
    if (i == n) break;
    if (encoding == TextEncoding::iso2022_jp && p[i] == 0x1B) {
      int length = take_escape(p + i, n - i, last, mode);
      if (length == 0) break;
      if (length < 0)
        bad_bytes(1);
      else
        i += length;
      continue;
    }
    Step s = step(p + i, n - i);
    if (s.bytes == 0) {
      if (!last) break;
      bad_bytes(n - i);  // the stream ends inside a character
    } else if (s.code == kNone) {
      bad_bytes(s.bytes);
    } else {
      if (s.code >= kPrivateFirst && s.code <= kPrivateLast) ++private_use[s.code];
      append_utf8(out, s.code);
      i += s.bytes;
    }
  }
  carry.assign(bytes.substr(i));
  offset += i;
}

TextDecoder::TextDecoder(TextEncoding encoding) : state_(new State{encoding}) {}
TextDecoder::~TextDecoder() = default;
TextDecoder::TextDecoder(TextDecoder&&) noexcept = default;

void TextDecoder::decode(std::string_view bytes, bool last, std::string& out,
                         std::vector<Bad>& bad) {
  State& s = *state_;
  std::string joined;
  if (!s.carry.empty()) {
    joined = std::exchange(s.carry, {});
    joined += bytes;
    bytes = joined;
  }
  if (!s.started) {
    std::string_view mark = byte_order_mark(s.encoding);
    if (!last && bytes.size() < mark.size()) {
      s.carry.assign(bytes);
      return;
    }
    s.started = true;
    if (!mark.empty() && bytes.starts_with(mark)) {
      bytes.remove_prefix(mark.size());
      s.offset += mark.size();
    }
  }
  s.run(bytes, last, out, bad);
}

const std::map<uint32_t, uint64_t>& TextDecoder::private_use() const { return state_->private_use; }

std::string decode_all(std::string_view bytes, TextEncoding encoding,
                       std::vector<TextDecoder::Bad>* bad) {
  std::string out;
  std::vector<TextDecoder::Bad> found;
  TextDecoder(encoding).decode(bytes, true, out, bad ? *bad : found);
  return out;
}

std::string_view name_of(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::utf8:
      return "UTF-8";
    case TextEncoding::utf16le:
      return "UTF-16LE";
    case TextEncoding::utf16be:
      return "UTF-16BE";
    case TextEncoding::cp932:
      return "CP932";
    case TextEncoding::euc_jp:
      return "EUC-JP";
    case TextEncoding::iso2022_jp:
      return "ISO-2022-JP";
  }
  return "";
}

std::optional<TextEncoding> find_encoding(std::string_view name) {
  std::string plain;  // without case, hyphens and underscores
  for (char c : name)
    if (c != '-' && c != '_' && c != ' ')
      plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  static constexpr std::pair<std::string_view, TextEncoding> kNames[] = {
      {"utf8", TextEncoding::utf8},          {"utf8sig", TextEncoding::utf8},
      {"utf8bom", TextEncoding::utf8},       {"ascii", TextEncoding::utf8},
      {"usascii", TextEncoding::utf8},       {"utf16", TextEncoding::utf16le},
      {"utf16le", TextEncoding::utf16le},    {"utf16be", TextEncoding::utf16be},
      {"cp932", TextEncoding::cp932},        {"ms932", TextEncoding::cp932},
      {"shiftjis", TextEncoding::cp932},     {"sjis", TextEncoding::cp932},
      {"windows31j", TextEncoding::cp932},   {"eucjp", TextEncoding::euc_jp},
      {"ujis", TextEncoding::euc_jp},        {"cp51932", TextEncoding::euc_jp},
      {"eucjpms", TextEncoding::euc_jp},     {"iso2022jp", TextEncoding::iso2022_jp},
      {"jis", TextEncoding::iso2022_jp},     {"cp50220", TextEncoding::iso2022_jp},
      {"cp50221", TextEncoding::iso2022_jp}, {"cp50222", TextEncoding::iso2022_jp},
  };
  for (const auto& [known, encoding] : kNames)
    if (plain == known) return encoding;
  return std::nullopt;
}

}  // namespace gantry
