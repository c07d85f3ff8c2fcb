#include "workflow/text_changes.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "text/unicode.h"

namespace gantry {
namespace {

// U+30A1 .. U+30F6 in half width; a second character is the sound mark. Small and obsolete letters
// without a half-width form stay.
constexpr const char32_t* kHalfWidth[] = {
    U"ｧ",  U"ｱ",  U"ｨ",  U"ｲ",  U"ｩ",  U"ｳ",    U"ｪ",  U"ｴ",    U"ｫ",    U"ｵ",  U"ｶ", U"ｶﾞ",
    U"ｷ",  U"ｷﾞ", U"ｸ",  U"ｸﾞ", U"ｹ",  U"ｹﾞ",   U"ｺ",  U"ｺﾞ",   U"ｻ",    U"ｻﾞ", U"ｼ", U"ｼﾞ",
    U"ｽ",  U"ｽﾞ", U"ｾ",  U"ｾﾞ", U"ｿ",  U"ｿﾞ",   U"ﾀ",  U"ﾀﾞ",   U"ﾁ",    U"ﾁﾞ", U"ｯ", U"ﾂ",
    U"ﾂﾞ", U"ﾃ",  U"ﾃﾞ", U"ﾄ",  U"ﾄﾞ", U"ﾅ",    U"ﾆ",  U"ﾇ",    U"ﾈ",    U"ﾉ",  U"ﾊ", U"ﾊﾞ",
    U"ﾊﾟ", U"ﾋ",  U"ﾋﾞ", U"ﾋﾟ", U"ﾌ",  U"ﾌﾞ",   U"ﾌﾟ", U"ﾍ",    U"ﾍﾞ",   U"ﾍﾟ", U"ﾎ", U"ﾎﾞ",
    U"ﾎﾟ", U"ﾏ",  U"ﾐ",  U"ﾑ",  U"ﾒ",  U"ﾓ",    U"ｬ",  U"ﾔ",    U"ｭ",    U"ﾕ",  U"ｮ", U"ﾖ",
    U"ﾗ",  U"ﾘ",  U"ﾙ",  U"ﾚ",  U"ﾛ",  nullptr, U"ﾜ",  nullptr, nullptr, U"ｦ",  U"ﾝ", U"ｳﾞ"};

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::min(utf8_length(text[at]), text.size() - at);
    out.push_back(text.substr(at, length));
    at += length;
  }
  return out;
}

bool is_break(std::string_view c) { return c == "\n" || c == "\r"; }

}  // namespace

std::string change_widths(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c >= 0x21 && c <= 0x7E) {
      append_utf8(out, c + 0xFEE0);
    } else if (c >= 0xFF01 && c <= 0xFF5E) {
      append_utf8(out, c - 0xFEE0);
    } else if (c >= 0x30A1 && c < 0x30A1 + std::size(kHalfWidth) && kHalfWidth[c - 0x30A1]) {
      for (const char32_t* half = kHalfWidth[c - 0x30A1]; *half; ++half) append_utf8(out, *half);
    } else {
      append_utf8(out, c);
    }
  }
  return out;
}

std::string lose_line_breaks(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c != '\n' && c != '\r') out += c;
  return out;
}

std::string swap_sections(std::string_view text, const SectionTable& table) {
  const Sections cut = table.cut(text);
  if (cut.parts.size() < 2) return std::string(text);
  std::string out;
  for (auto part = cut.parts.rbegin(); part != cut.parts.rend(); ++part) {
    if (part->heading.empty() && part->body.empty()) continue;
    out += (out.empty() ? "" : "\n") + part->heading +
           (part->heading.empty() || part->body.empty() ? "" : "\n") + part->body;
  }
  return out;
}

std::string make_typing_errors(std::string_view text, int64_t every, uint64_t seed) {
  auto characters = characters_of(text);
  const auto n = static_cast<int64_t>(characters.size());
  if (n < 2) return std::string(text);
  Random random(seed, stream_of(text));
  const int64_t errors = std::max<int64_t>(1, n / every);
  std::vector<char> doubled(characters.size(), 0), lost(characters.size(), 0);
  for (int64_t e = 0; e < errors; ++e) {
    const auto at = static_cast<size_t>(random.below(static_cast<uint64_t>(n - 1)));
    const auto kind = random.below(3);
    if (is_break(characters[at]) || is_break(characters[at + 1])) continue;
    if (kind == 0)
      std::swap(characters[at], characters[at + 1]);
    else
      (kind == 1 ? lost : doubled)[at] = 1;
  }
  std::string out;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (!lost[i]) out += characters[i];
    if (doubled[i]) out += characters[i];
  }
  return out;
}

}  // namespace gantry
