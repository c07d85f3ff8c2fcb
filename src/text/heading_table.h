// The heading table as read from TOML, in the folded form that lines are compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gantry {

// A character without case and width, in compatibility decomposition; white space is dropped.
// The table and the text are folded alike, so that ｺﾒﾝﾄ meets コメント and ＜ meets <.
std::u32string_view fold_character(char32_t c);
std::u32string fold_text(std::string_view utf8);

struct HeadingKind {
  std::string name;
  bool main = false;      // a report is expected to have it
  bool modality = false;  // names may follow a modality: CT所見
  std::vector<std::u32string> endings;
};

struct HeadingTable {
  struct Name {
    int kind;
    bool only_marked;
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::u32string_view s) const { return std::hash<std::u32string_view>()(s); }
  };
  template <typename Value>
  using ByText = std::unordered_map<std::u32string, Value, TextHash, std::equal_to<>>;

  std::vector<HeadingKind> kinds;
  ByText<Name> names;
  std::vector<size_t> name_lengths;  // longest first
  ByText<bool> modality_words;
  std::vector<size_t> modality_lengths;
  std::unordered_map<char32_t, char32_t> pairs;  // opening -> closing
  std::unordered_set<char32_t> signs, bullets;
  std::vector<std::u32string> colons, joiners;    // longest first
  std::unordered_set<char32_t> first_characters;  // that a heading may begin with

  int diagnosis = -1, indication = -1;

  // Error E0301.
  static HeadingTable parse(std::string_view toml, const std::string& name);
};

}  // namespace gantry
