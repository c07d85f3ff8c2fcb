// One line looked at as a heading: its marks, its name, and what stands behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/heading_table.h"

namespace gantry {

// How a heading is marked, the stronger the higher.
enum class HeadingStyle : uint8_t {
  gap,       // 所見　右上葉に...: only a space behind the name
  bare,      // the name alone on its line
  bullet,    // ・所見：
  colon,     // 所見：
  numbered,  // 2) 所見
  sign,      // ■所見
  pair,      // 【所見】
};

struct Heading {
  size_t begin = 0, end = 0;  // bytes of the text, marks and colon included
  int kind = 0;
  HeadingStyle style = HeadingStyle::bare;
  char32_t mark = 0;         // the first mark: headings of one style share it
  bool only_marked = false;  // the name is an ordinary word: it counts among its like only
  bool mid_line = false;
};

// Reads a heading that begins at byte `at` of `text` (the start of a line, or not: then only marks
// that are plain within a line count). Keeps its buffers between calls; one object a thread.
class HeadingReader {
 public:
  explicit HeadingReader(const HeadingTable& table) : table_(table) {}
  std::optional<Heading> read(std::string_view text, size_t at, bool line_start);

 private:
  struct Name {
    size_t end;  // position in folded_
    int kind;
    bool only_marked;
  };

  bool fold_line(std::string_view text, size_t at);
  char32_t at(size_t i) const { return i < folded_.size() ? folded_[i] : 0; }
  std::u32string_view from(size_t i) const { return std::u32string_view(folded_).substr(i); }
  bool at_line_end(size_t i) const { return i == folded_.size() && !cut_; }
  size_t take_marks(size_t i, bool& bullet, char32_t& mark) const;
  size_t take_number(size_t i) const;
  size_t take_colon(size_t i) const;
  size_t take_remark(size_t i) const;
  void find_names(size_t i, int depth, bool after_modality, Name so_far);
  std::optional<Name> ending_name(size_t begin, size_t end) const;
  std::optional<Heading> read_pair(size_t i);
  std::optional<Heading> read_plain(size_t i, size_t marks, size_t number, bool bullet,
                                    char32_t mark);
  std::optional<Heading> heading(size_t end, const Name& name, HeadingStyle style,
                                 char32_t mark) const;

  const HeadingTable& table_;
  std::u32string folded_;
  std::vector<uint32_t> begin_, end_;  // bytes of the character a folded one came from
  std::vector<uint8_t> space_before_;  // 0 none, 1 one space, 2 more, a tab or a wide space
  uint8_t space_behind_ = 0;           // the line's end
  bool cut_ = false;                   // the line goes on behind what was folded
  std::vector<Name> names_;
};

}  // namespace gantry
