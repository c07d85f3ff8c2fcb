#include "text/heading_table.h"

#include <utf8proc.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>

#include "base/error.h"
#include "text/unicode.h"

namespace gantry {
namespace {

constexpr int kMostFolded = 18;  // code points in the longest compatibility decomposition

std::u32string fold_slowly(char32_t c) {
  std::array<utf8proc_int32_t, kMostFolded + 2> out{};
  int boundary = 0;
  auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                                UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out.data(), kMostFolded,
                                   options, &boundary);
  std::u32string folded;
  for (utf8proc_ssize_t i = 0; i < n && i < kMostFolded; ++i)
    if (!is_white_space(out[i])) folded.push_back(static_cast<char32_t>(out[i]));
  return folded;
}

constexpr int kMostKinds = 32;  // sections.cc keeps sets of them in 32 bits

// The basic plane, folded once.
const std::vector<std::u32string>& folded_plane() {
  static const std::vector<std::u32string> plane = [] {
    std::vector<std::u32string> p(0x10000);
    for (char32_t c = 0; c < p.size(); ++c) p[c] = fold_slowly(c);
    return p;
  }();
  return plane;
}

class TableReader {
 public:
  TableReader(std::string_view text, const std::string& name) : name_(name) {
    try {
      root_ = toml::parse(text, name);
    } catch (const toml::parse_error& e) {
      fail("line " + std::to_string(e.source().begin.line) + ": " + std::string(e.description()));
    }
  }

  HeadingTable read() {
    only_keys(root_, "", {"kinds", "marks"});
    for (const auto& [key, value] : table(root_, "kinds")) read_kind(std::string(key.str()), value);
    read_marks(table(root_, "marks"));
    derive();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("E0301", name_ + ": " + what, "Compare it with tasks/headings.toml as delivered.");
  }

  void only_keys(const toml::table& in, const std::string& where,
                 std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : in)
      if (std::find(known.begin(), known.end(), key.str()) == known.end())
        fail("unknown key '" + where + std::string(key.str()) + "'");
  }

  const toml::table& table(const toml::table& in, std::string_view key) const {
    const toml::table* found = in[key].as_table();
    if (!found) fail("no table [" + std::string(key) + "]");
    return *found;
  }

  std::vector<std::string> texts(const toml::table& in, std::string_view key) const {
    std::vector<std::string> out;
    const toml::node* node = in.get(key);
    if (!node) return out;
    const toml::array* array = node->as_array();
    if (!array) fail("'" + std::string(key) + "' is not a list");
    for (const toml::node& item : *array) {
      auto text = item.value<std::string>();
      if (!text || fold_text(*text).empty())
        fail("'" + std::string(key) + "' holds something that is not a name");
      out.push_back(*text);
    }
    return out;
  }

  bool flag(const toml::table& in, std::string_view key) const {
    const toml::node* node = in.get(key);
    if (node && !node->is_boolean()) fail("'" + std::string(key) + "' is not true or false");
    return node && node->as_boolean()->get();
  }

  std::unordered_set<char32_t> characters(const toml::table& in, std::string_view key) const {
    auto text = in[key].value<std::string>();
    if (in.get(key) && !text) fail("'" + std::string(key) + "' is not a string");
    std::u32string folded = fold_text(text.value_or(""));
    return {folded.begin(), folded.end()};
  }

  void read_kind(const std::string& kind_name, const toml::node& node) {
    const toml::table* kind_table = node.as_table();
    if (!kind_table) fail("[kinds." + kind_name + "] is not a table");
    only_keys(*kind_table, "kinds." + kind_name + ".",
              {"main", "modality", "names", "only_marked", "endings"});
    HeadingKind kind{kind_name, flag(*kind_table, "main"), flag(*kind_table, "modality"), {}};
    for (const std::string& ending : texts(*kind_table, "endings"))
      kind.endings.push_back(fold_text(ending));
    int index = static_cast<int>(out_.kinds.size());
    if (index == kMostKinds) fail("more than " + std::to_string(kMostKinds) + " kinds");
    if (kind_name == "diagnosis") out_.diagnosis = index;
    if (kind_name == "indication") out_.indication = index;
    out_.kinds.push_back(std::move(kind));
    for (const char* list : {"names", "only_marked"})
      for (const std::string& text : texts(*kind_table, list)) {
        bool only_marked = std::string_view(list) == "only_marked";
        auto [it, fresh] =
            out_.names.try_emplace(fold_text(text), HeadingTable::Name{index, only_marked});
        if (!fresh && it->second.kind != index)
          fail("'" + text + "' is a name of '" + out_.kinds[it->second.kind].name + "' and of '" +
               kind_name + "'");
      }
  }

  void read_marks(const toml::table& marks) {
    only_keys(marks, "marks.",
              {"pairs", "signs", "bullets", "colons", "joiners", "modality_words"});
    for (const std::string& pair : texts(marks, "pairs")) {
      std::u32string folded = fold_text(pair);
      if (folded.size() != 2) fail("marks.pairs: '" + pair + "' is not an opening and a closing");
      out_.pairs[folded[0]] = folded[1];
    }
    out_.signs = characters(marks, "signs");
    out_.bullets = characters(marks, "bullets");
    for (const std::string& text : texts(marks, "colons")) out_.colons.push_back(fold_text(text));
    for (const std::string& text : texts(marks, "joiners")) out_.joiners.push_back(fold_text(text));
    for (const std::string& text : texts(marks, "modality_words"))
      out_.modality_words[fold_text(text)] = true;
  }

  template <typename Value>
  static std::vector<size_t> lengths_of(const HeadingTable::ByText<Value>& words) {
    std::vector<size_t> lengths;
    for (const auto& [word, value] : words) lengths.push_back(word.size());
    std::sort(lengths.rbegin(), lengths.rend());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    return lengths;
  }

  void derive() {
    auto longest_first = [](const std::u32string& a, const std::u32string& b) {
      return a.size() > b.size();
    };
    std::stable_sort(out_.colons.begin(), out_.colons.end(), longest_first);
    std::stable_sort(out_.joiners.begin(), out_.joiners.end(), longest_first);
    out_.name_lengths = lengths_of(out_.names);
    out_.modality_lengths = lengths_of(out_.modality_words);
    auto& first = out_.first_characters;
    for (const auto& [name, value] : out_.names) first.insert(name[0]);
    for (const auto& [word, value] : out_.modality_words) first.insert(word[0]);
    for (const auto& [open, close] : out_.pairs) first.insert(open);
    first.insert(out_.signs.begin(), out_.signs.end());
    first.insert(out_.bullets.begin(), out_.bullets.end());
    for (char32_t c : std::u32string_view(U"0123456789ivxabcdefアイウエオ")) first.insert(c);
  }

  std::string name_;
  toml::table root_;
  HeadingTable out_;
};

}  // namespace

std::u32string_view fold_character(char32_t c) {
  const auto& plane = folded_plane();
  if (c < plane.size()) return plane[c];
  static const std::u32string other(1, U'\uFFFD');  // no heading has characters beyond the plane
  return other;
}

std::u32string fold_text(std::string_view utf8) {
  std::u32string out;
  for (size_t i = 0; i < utf8.size();) {
    size_t skip = 1;
    bool valid = valid_utf8_length(utf8.substr(i), &skip) > 0;
    if (valid)
      out += fold_character(next_code_point(utf8, i));
    else
      i += skip;
  }
  return out;
}

HeadingTable HeadingTable::parse(std::string_view toml, const std::string& name) {
  return TableReader(toml, name).read();
}

}  // namespace gantry
