#include "text/heading_line.h"

#include <algorithm>

#include "text/unicode.h"

namespace gantry {
namespace {

constexpr size_t kLongestHeading = 48;  // folded characters
constexpr size_t kLongestRemark = 24;   // (compared with the CT of 2020-01-12)
constexpr size_t kLongestPair = 18;     // 【今回の画像所見のまとめ】
constexpr int kMostNames = 6;           // joined in one heading, modalities included

bool is_ascii_letter(char32_t c) { return c >= U'a' && c <= U'z'; }

}  // namespace

// Folds the line from byte `at` into folded_. False when its first character begins no heading.
bool HeadingReader::fold_line(std::string_view text, size_t at) {
  folded_.clear();
  begin_.clear();
  end_.clear();
  space_before_.clear();
  cut_ = false;
  uint8_t space = 0;
  while (at < text.size() && text[at] != '\n' && text[at] != '\r') {
    if (folded_.size() >= kLongestHeading) {
      cut_ = true;
      break;
    }
    size_t begin = at, skip = 1;
    char32_t c = U'\uFFFD';
    if (valid_utf8_length(text.substr(at), &skip) > 0)
      c = next_code_point(text, at);
    else
      at += skip;
    std::u32string_view folded = fold_character(c);
    if (folded.empty()) {
      bool wide = c == U'\t' || c == U'\u3000' || space > 0;
      space = wide ? 2 : 1;
    }
    for (char32_t f : folded) {
      if (folded_.empty() && !table_.first_characters.contains(f)) return false;
      folded_.push_back(f);
      begin_.push_back(static_cast<uint32_t>(begin));
      end_.push_back(static_cast<uint32_t>(at));
      space_before_.push_back(space);
      space = 0;
    }
  }
  space_behind_ = space;
  return !folded_.empty();
}

size_t HeadingReader::take_marks(size_t i, bool& bullet, char32_t& mark) const {
  for (; i < folded_.size(); ++i) {
    bool sign = table_.signs.contains(folded_[i]);
    if (!sign && !table_.bullets.contains(folded_[i])) break;
    if (!mark) mark = folded_[i];
    if (sign) bullet = false;
  }
  return i;
}

// 1) 1. (1) 1、 ① I. A) ア) and a bare figure in front of a name: the position behind, or `i`.
size_t HeadingReader::take_number(size_t i) const {
  size_t at_first = i;
  bool open = at(i) == U'(';
  if (open) ++i;
  size_t digits = i;
  while (i < digits + 2 && at(i) >= U'0' && at(i) <= U'9') ++i;
  bool figure = i > digits;
  if (!figure) {
    while (i < digits + 4 && (at(i) == U'i' || at(i) == U'v' || at(i) == U'x')) ++i;
    bool letter = is_ascii_letter(at(i)) || (at(i) >= U'ア' && at(i) <= U'オ');
    if (i == digits && letter) ++i;
    if (i == digits) return at_first;
  }
  char32_t c = at(i);
  bool closed = open ? c == U')' : (c == U')' || c == U'.' || c == U'、' || c == U':' || c == U']');
  if (closed) return i + 1;
  return figure && !open ? i : at_first;
}

size_t HeadingReader::take_colon(size_t i) const {
  for (const std::u32string& colon : table_.colons)
    if (from(i).starts_with(colon)) return i + colon.size();
  return i;
}

// A remark in parentheses behind the name.
size_t HeadingReader::take_remark(size_t i) const {
  char32_t open = at(i);
  if (open != U'(' && open != U'[' && open != U'<') return i;
  char32_t close = open == U'(' ? U')' : open == U'[' ? U']' : U'>';
  for (size_t k = i + 1; k < folded_.size() && k <= i + kLongestRemark; ++k)
    if (folded_[k] == close) return k + 1;
  return i;
}

// All ways to read one name or several joined ones from `i`, into names_.
void HeadingReader::find_names(size_t i, int depth, bool after_modality, Name so_far) {
  if (depth == kMostNames) return;
  for (size_t length : table_.name_lengths) {
    if (i + length > folded_.size()) continue;
    auto found = table_.names.find(from(i).substr(0, length));
    if (found == table_.names.end()) continue;
    const HeadingTable::Name& name = found->second;
    if (after_modality && !table_.kinds[name.kind].modality) continue;
    Name now{i + length, name.kind, name.only_marked};
    if (so_far.kind >= 0) {
      // Findings with the diagnosis in one section are read as the diagnosis; else the first name
      // decides (臨床診断・検査目的).
      bool first = now.kind != table_.diagnosis || so_far.kind == table_.indication;
      if (first) now.kind = so_far.kind;
      now.only_marked = now.only_marked && so_far.only_marked;
    }
    names_.push_back(now);
    for (const std::u32string& joiner : table_.joiners)
      if (from(now.end).starts_with(joiner))
        find_names(now.end + joiner.size(), depth + 1, false, now);
    // 所見 Findings: two scripts need nothing between them.
    if (now.end < folded_.size() &&
        is_ascii_letter(folded_[now.end]) != is_ascii_letter(folded_[now.end - 1]))
      find_names(now.end, depth + 1, false, now);
  }
  if (so_far.kind >= 0) return;
  for (size_t length : table_.modality_lengths) {
    if (i + length > folded_.size()) continue;
    if (!table_.modality_words.contains(from(i).substr(0, length))) continue;
    find_names(i + length, depth + 1, true, so_far);
    for (const std::u32string& joiner : table_.joiners)
      if (from(i + length).starts_with(joiner))
        find_names(i + length + joiner.size(), depth + 1, true, so_far);
  }
}

// A name within a pair that the table does not hold, by its end: 【今回の所見】.
std::optional<HeadingReader::Name> HeadingReader::ending_name(size_t begin, size_t end) const {
  std::u32string_view name = from(begin).substr(0, end - begin);
  for (size_t k = 0; k < table_.kinds.size(); ++k)
    for (const std::u32string& ending : table_.kinds[k].endings)
      if (name.ends_with(ending)) return Name{end, static_cast<int>(k), false};
  return std::nullopt;
}

std::optional<Heading> HeadingReader::heading(size_t end, const Name& name, HeadingStyle style,
                                              char32_t mark) const {
  Heading h;
  h.begin = begin_[0];
  h.end = end_[end - 1];
  h.kind = name.kind;
  h.only_marked = name.only_marked;
  h.style = style;
  h.mark = mark;
  return h;
}

std::optional<Heading> HeadingReader::read_pair(size_t i) {
  auto pair = table_.pairs.find(at(i));
  if (pair == table_.pairs.end()) return std::nullopt;
  auto [open, close] = *pair;
  size_t opened = i;
  while (at(i) == open && i < opened + 2) ++i;
  size_t inside = i, closing = inside;
  while (closing < folded_.size() && folded_[closing] != close &&
         closing <= inside + kLongestHeading)
    ++closing;
  if (at(closing) != close) return std::nullopt;
  size_t behind = closing;
  for (size_t k = opened; k < inside && at(behind) == close; ++k) ++behind;
  behind = take_colon(behind);

  bool bullet = true;
  char32_t mark = 0;
  size_t name_at = take_marks(inside, bullet, mark);
  size_t numbered = take_number(name_at);
  for (size_t start : {numbered, name_at}) {
    names_.clear();
    find_names(start, 0, false, {0, -1, false});
    for (const Name& name : names_) {
      size_t end = take_colon(take_remark(name.end));
      while (end < closing && (table_.signs.contains(at(end)) || table_.bullets.contains(at(end))))
        ++end;
      // A remark that holds the closing mark itself ends behind it: [所見 [CT]].
      if (end >= closing && end <= closing + 1)
        return heading(std::max(behind, end), name, HeadingStyle::pair, open);
    }
  }
  if (closing - numbered <= kLongestPair)
    if (auto name = ending_name(numbered, closing))
      return heading(behind, *name, HeadingStyle::pair, open);
  return std::nullopt;
}

std::optional<Heading> HeadingReader::read_plain(size_t i, size_t marks, size_t number, bool bullet,
                                                 char32_t mark) {
  names_.clear();
  find_names(i, 0, false, {0, -1, false});
  std::sort(names_.begin(), names_.end(),
            [](const Name& a, const Name& b) { return a.end > b.end; });
  for (const Name& name : names_) {
    bool english = is_ascii_letter(folded_[name.end - 1]);
    size_t remark = take_remark(name.end);
    size_t behind = take_colon(remark);
    size_t closed = behind;
    // == 診断 ==, **診断**; but not #所見 #2R, where only the second sign has a space before it.
    bool encloses = marks > 0 && at(closed) == mark && (!space_before_[closed] || space_before_[i]);
    while (encloses && at(closed) == mark) ++closed;
    bool enclosed = closed > behind;
    size_t end = take_colon(closed);
    bool colon = end > closed || behind > remark, line_end = at_line_end(end);
    uint8_t space = end < folded_.size() ? space_before_[end] : space_behind_;
    bool plain_end = colon || line_end;
    auto as = [&](HeadingStyle style) {
      return heading(end, name, style, style >= HeadingStyle::numbered || bullet ? mark : 0);
    };
    if (marks > 0 && (enclosed || (!bullet && (plain_end || space > 0))))
      return as(HeadingStyle::sign);
    if (number > 0 && (plain_end || space > 0)) return as(HeadingStyle::numbered);
    if (marks > 0) {
      if (plain_end) return as(HeadingStyle::bullet);
      continue;
    }
    if (colon) return as(HeadingStyle::colon);
    if (line_end) return as(HeadingStyle::bare);
    if (space >= (english ? 2 : 1)) return as(HeadingStyle::gap);
  }
  return std::nullopt;
}

std::optional<Heading> HeadingReader::read(std::string_view text, size_t at_byte, bool line_start) {
  if (!fold_line(text, at_byte)) return std::nullopt;
  bool bullet = true;
  char32_t mark = 0;
  size_t marks = take_marks(0, bullet, mark);
  size_t numbered = take_number(marks);
  size_t name_at = numbered;
  if (numbered > marks) {
    bool inner_bullet = true;
    char32_t inner = 0;
    name_at = take_marks(numbered, inner_bullet, inner);
  }
  for (size_t i : {name_at, marks}) {
    if (auto found = read_pair(i)) {
      found->mid_line = !line_start;
      return found;
    }
    if (auto found = read_plain(i, marks, i > marks ? numbered - marks : 0, bullet, mark)) {
      found->mid_line = !line_start;
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace gantry
