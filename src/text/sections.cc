#include "text/sections.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "base/file.h"
#include "text/heading_line.h"
#include "text/heading_table.h"
#include "text/unicode.h"

namespace gantry {

struct SectionTable::State {
  HeadingTable table;
};

namespace {

using Style = std::pair<HeadingStyle, char32_t>;
Style style_of(const Heading& h) { return {h.style, h.mark}; }

// Chooses among everything in a report that could be a heading.
class Cutter {
 public:
  Cutter(const HeadingTable& table, std::string_view text)
      : table_(table), text_(text), reader_(table) {}

  std::vector<Heading> headings() {
    find_at_line_starts();
    choose();
    if (has_missing_main_kind() && find_within_lines()) choose();
    return std::move(chosen_);
  }

 private:
  bool is_main(int kind) const { return table_.kinds[kind].main; }

  void find_at_line_starts() {
    size_t at = 0;
    while (at <= text_.size()) {
      auto found = reader_.read(text_, at, true);
      bool spoken_of =
          found && found->style == HeadingStyle::pair && goes_on_as_sentence(found->end);
      if (found && !spoken_of) candidates_.push_back(*found);
      at = text_.find_first_of("\r\n", at);
      if (at == text_.npos) return;
      ++at;
    }
  }

  bool has_missing_main_kind() const {
    for (size_t k = 0; k < table_.kinds.size(); ++k)
      if (table_.kinds[k].main && !has(static_cast<int>(k))) return true;
    return false;
  }
  bool has(int kind) const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](const Heading& h) { return h.kind == kind; });
  }

  // Line ends get lost in exports: 【臨床情報】...【所見】... in one line, or 所見：...。診断：...
  bool find_within_lines() {
    size_t known = candidates_.size();
    bool line_start = true;
    char32_t before = 0;
    for (size_t at = 0; at < text_.size();) {
      size_t here = at, skip = 1;
      char32_t c = U'\uFFFD';
      if (valid_utf8_length(text_.substr(at), &skip) > 0)
        c = next_code_point(text_, at);
      else
        at += skip;
      if (c == U'\n' || c == U'\r') {
        line_start = true;
        before = 0;
        continue;
      }
      if (is_white_space(c)) {
        before = U' ';
        continue;
      }
      if (!line_start) look_within(here, c, before);
      line_start = false;
      before = c;
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Heading& a, const Heading& b) { return a.begin < b.begin; });
    // The second sign of "## 所見" begins no heading of its own.
    size_t kept = 0, end = 0;
    for (const Heading& h : candidates_) {
      if (h.begin < end) continue;
      end = h.end;
      candidates_[kept++] = h;
    }
    candidates_.resize(kept);
    return kept > known;
  }

  void look_within(size_t at, char32_t c, char32_t before) {
    std::u32string_view folded = fold_character(c);
    if (folded.size() != 1) return;
    bool marked = table_.pairs.contains(folded[0]) || table_.signs.contains(folded[0]);
    bool after_stop = before == U' ' || before == U'。' || before == U'．' || before == U'」' ||
                      before == U')' || before == U'）';
    if (!marked && !(after_stop && table_.first_characters.contains(folded[0]))) return;
    auto found = reader_.read(text_, at, false);
    if (!found || found->only_marked || !is_main(found->kind)) return;
    bool by_mark = found->style == HeadingStyle::pair || found->style == HeadingStyle::sign;
    bool by_stop = found->style == HeadingStyle::colon || found->style == HeadingStyle::numbered;
    bool plain = (marked && by_mark) || (after_stop && by_stop);
    if (plain && !goes_on_as_sentence(found->end)) candidates_.push_back(*found);
  }

  // 【所見】を参照: the name is spoken of, not set as a heading. Not simply any particle: a text
  // may begin with のう胞 or がん.
  bool goes_on_as_sentence(size_t at) const {
    std::string_view rest = text_.substr(at);
    for (std::string_view word :
         {"を", "の通り", "のとおり", "の如", "のごと", "の項", "の欄", "の記", "に記", "に述",
          "に示", "に書", "にある", "と同", "参照", "欄", "、", "。", "」"})
      if (rest.starts_with(word)) return true;
    return false;
  }

  struct Group {
    uint32_t main_kinds = 0, line_start_kinds = 0;  // bit sets
    size_t first = 0;
  };

  std::map<Style, Group> groups() const {
    std::map<Style, Group> all;
    for (const Heading& h : candidates_) {
      auto [it, fresh] = all.try_emplace(style_of(h));
      if (fresh) it->second.first = h.begin;
      if (!is_main(h.kind)) continue;
      it->second.main_kinds |= 1u << h.kind;
      if (!h.mid_line) it->second.line_start_kinds |= 1u << h.kind;
    }
    return all;
  }

  // The report's own style is the one that most kinds of sections are headed in; its headings all
  // count. Another style only helps out with kinds that are still missing.
  void choose() {
    chosen_.clear();
    auto all = groups();
    const std::pair<const Style, Group>* own = nullptr;
    auto rank = [](const std::pair<const Style, Group>& g) {
      return std::pair(std::popcount(g.second.main_kinds), g.first.first);
    };
    for (const auto& group : all)
      if (group.second.main_kinds && (!own || rank(group) > rank(*own))) own = &group;
    if (!own) return;
    int own_kinds = std::popcount(own->second.main_kinds);
    for (const Heading& h : candidates_)
      if (style_of(h) == own->first && belongs(h, own_kinds)) chosen_.push_back(h);
    help_out(all, own->first);
    std::stable_sort(chosen_.begin(), chosen_.end(),
                     [](const Heading& a, const Heading& b) { return a.begin < b.begin; });
  }

  bool belongs(const Heading& h, int kinds_in_style) const {
    bool strong = h.style >= HeadingStyle::numbered;
    if (!is_main(h.kind) && (h.only_marked || h.style == HeadingStyle::gap)) return strong;
    if (kinds_in_style >= 2) return true;
    if (h.mid_line || h.style == HeadingStyle::gap) return false;
    return !h.only_marked || strong;
  }

  void help_out(const std::map<Style, Group>& all, const Style& own) {
    uint32_t have = 0;
    for (const Heading& h : chosen_) have |= 1u << h.kind;
    uint32_t had = have;
    for (int style = static_cast<int>(HeadingStyle::pair); style >= 0; --style) {
      for (const Heading& h : candidates_) {
        if (static_cast<int>(h.style) != style || style_of(h) == own || !is_main(h.kind)) continue;
        if (had & 1u << h.kind) continue;
        if (belongs(h, std::popcount(all.at(style_of(h)).main_kinds)) && !overlaps(h)) {
          chosen_.push_back(h);
          have |= 1u << h.kind;
        }
      }
      had = have;
    }
  }

  bool overlaps(const Heading& h) const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](const Heading& c) { return h.begin < c.end && c.begin < h.end; });
  }

  const HeadingTable& table_;
  std::string_view text_;
  HeadingReader reader_;
  std::vector<Heading> candidates_, chosen_;
};

bool is_rule_line(std::string_view line) {
  size_t signs = 0;
  for (size_t i = 0; i < line.size();) {
    size_t skip = 1;
    if (valid_utf8_length(line.substr(i), &skip) == 0) return false;
    char32_t c = next_code_point(line, i);
    if (is_white_space(c)) continue;
    static constexpr std::u32string_view kRules = U"-=_*~─━―—ー－＝＿═";
    if (kRules.find(c) == kRules.npos) return false;
    ++signs;
  }
  return signs >= 3;
}

size_t skip_spaces(std::string_view text, size_t at, size_t end) {
  while (at < end) {
    size_t next = at, skip = 1;
    if (valid_utf8_length(text.substr(at), &skip) == 0) break;
    if (!is_white_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

size_t drop_spaces_at_end(std::string_view text, size_t begin, size_t end) {
  while (end > begin) {
    size_t at = end - 1, skip = 1;
    while (at > begin && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (valid_utf8_length(text.substr(at, end - at), &skip) != end - at) break;
    size_t next = at;
    if (!is_white_space(next_code_point(text, next))) break;
    end = at;
  }
  return end;
}

// Without surrounding white space and lines drawn between sections.
std::pair<size_t, size_t> trim_body(std::string_view text, size_t begin, size_t end) {
  for (;;) {
    begin = skip_spaces(text, begin, end);
    size_t line_end = std::min(text.find_first_of("\r\n", begin), end);
    if (begin == end || !is_rule_line(text.substr(begin, line_end - begin))) break;
    begin = line_end;
  }
  for (;;) {
    end = drop_spaces_at_end(text, begin, end);
    size_t line = text.substr(0, end).find_last_of("\r\n");
    if (line == text.npos || line < begin || !is_rule_line(text.substr(line + 1, end - line - 1)))
      break;
    end = line;
  }
  return {begin, end};
}

// "比較: 前回CT" within the findings takes its own line; what follows is findings again.
size_t end_of_remark(std::string_view text, const Heading& h, size_t end) {
  bool strong = h.style >= HeadingStyle::numbered;
  size_t line_end = std::min(text.find_first_of("\r\n", h.end), end);
  bool body_on_line = skip_spaces(text, h.end, line_end) < line_end;
  return strong || !body_on_line ? end : line_end;
}

}  // namespace

std::string Sections::text_of(std::string_view kind) const {
  std::string out;
  for (const Section& part : parts) {
    if (part.kind != kind || part.body.empty()) continue;
    if (!out.empty()) out.push_back('\n');
    out += part.body;
  }
  return out;
}

SectionTable::SectionTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
SectionTable::SectionTable(SectionTable&&) noexcept = default;
SectionTable& SectionTable::operator=(SectionTable&&) noexcept = default;
SectionTable::~SectionTable() = default;

SectionTable SectionTable::parse(std::string_view toml, const std::string& name) {
  return SectionTable(std::make_unique<State>(State{HeadingTable::parse(toml, name)}));
}

SectionTable SectionTable::load(const std::filesystem::path& path) {
  return parse(read_file(path), path.filename().string());
}

std::vector<std::string> SectionTable::kinds() const {
  std::vector<std::string> names;
  for (const HeadingKind& kind : state_->table.kinds) names.push_back(kind.name);
  return names;
}

Sections SectionTable::cut(std::string_view text, const std::vector<std::string>& wanted) const {
  std::vector<Heading> headings = Cutter(state_->table, text).headings();
  Sections out;
  auto add = [&](std::string kind, std::string_view heading, size_t begin, size_t end) {
    auto [from, to] = trim_body(text, begin, end);
    if (heading.empty() && from == to) return;
    out.parts.push_back({std::move(kind), std::string(heading),
                         std::string(text.substr(from, to - from)), from, to});
  };
  add("", "", 0, headings.empty() ? text.size() : headings[0].begin);
  std::string main_kind;
  for (size_t i = 0; i < headings.size(); ++i) {
    const Heading& h = headings[i];
    size_t end = i + 1 < headings.size() ? headings[i + 1].begin : text.size();
    const HeadingKind& kind = state_->table.kinds[h.kind];
    size_t own_end = kind.main || main_kind.empty() ? end : end_of_remark(text, h, end);
    add(kind.name, text.substr(h.begin, h.end - h.begin), h.end, own_end);
    if (own_end < end) add(main_kind, "", own_end, end);
    if (kind.main) main_kind = kind.name;
  }
  for (const std::string& kind : wanted) {
    bool found = std::any_of(out.parts.begin(), out.parts.end(),
                             [&](const Section& s) { return s.kind == kind && !s.body.empty(); });
    if (!found) out.missing.push_back(kind);
  }
  return out;
}

}  // namespace gantry
