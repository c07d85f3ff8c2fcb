#include "text/clauses.h"

#include "base/strings.h"

namespace gantry {
namespace {

constexpr std::string_view kFullStop = "。";

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view kWide = "　";
  for (;;) {
    text = trim(text);
    if (text.starts_with(kWide))
      text.remove_prefix(kWide.size());
    else if (text.ends_with(kWide))
      text.remove_suffix(kWide.size());
    else
      return text;
  }
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// Length of the numbering at the front: "1. ", "2) ", "(3)", "①", "- ", "・", "# 1"; 0 when there
// is none. "3mm" and "1.5cm" are no numbering.
size_t numbering(std::string_view text) {
  for (std::string_view mark : {"・", "•", "-", "*", "#", "－", "●", "■"})
    if (text.starts_with(mark)) {
      size_t at = mark.size();
      if (mark == "-" && at < text.size() && digit(text[at])) return 0;  // a negative number
      return at;
    }
  if (text.size() >= 3 && static_cast<unsigned char>(text[0]) == 0xE2 &&
      static_cast<unsigned char>(text[1]) == 0x91 && static_cast<unsigned char>(text[2]) >= 0xA0 &&
      static_cast<unsigned char>(text[2]) <= 0xB3)
    return 3;  // ① to ⑳
  size_t at = text.starts_with("(") ? 1 : 0;
  size_t digits = at;
  while (digits < text.size() && digits - at < 2 && digit(text[digits])) ++digits;
  if (digits == at || digits == text.size()) return 0;
  if (at == 1) return text[digits] == ')' ? digits + 1 : 0;
  if (text[digits] == ')') return digits + 1;
  if (text[digits] == '.' && (digits + 1 == text.size() || !digit(text[digits + 1])))
    return digits + 1;
  if (text.substr(digits).starts_with("）") || text.substr(digits).starts_with("．"))
    return digits + 3;
  return 0;
}

}  // namespace

std::vector<std::string_view> clauses(std::string_view text) {
  std::vector<std::string_view> out;
  auto add = [&out](std::string_view piece) {
    piece = without_spaces(piece);
    while (size_t n = numbering(piece)) piece = without_spaces(piece.substr(n));
    if (!piece.empty()) out.push_back(piece);
  };
  for (std::string_view line : split(text, '\n'))
    for (size_t begin = 0; begin < line.size();) {
      size_t stop = line.find(kFullStop, begin);
      size_t end = stop == std::string_view::npos ? line.size() : stop + kFullStop.size();
      add(line.substr(begin, end - begin));
      begin = end;
    }
  return out;
}

FocusPattern::FocusPattern(const std::string& pattern)
    : pattern_(Pattern::unicode(
          pattern, "E0361", "focus.pattern",
          "Write the words with | between them; brackets and dots that stand for themselves need a "
          "backslash.")) {}

std::string FocusPattern::joined(std::string_view text, bool with) const {
  std::string out;
  for (std::string_view clause : clauses(text))
    if (in(clause) == with) out += (out.empty() ? "" : "\n") + std::string(clause);
  return out;
}

}  // namespace gantry
