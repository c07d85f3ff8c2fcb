// Pattern: a PCRE2 regular expression out of a data file, with its groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

class Pattern {
 public:
  struct Match {
    size_t begin = 0, end = 0;
    std::vector<std::string_view> groups;  // by number, from 1; empty where a group took no part
    std::string_view operator[](size_t group) const {
      return group <= groups.size() && group > 0 ? groups[group - 1] : std::string_view{};
    }
  };

  // Case is ignored, and a text is bytes: what is not UTF-8 is matched byte by byte as ASCII
  // patterns are. An Error with `code` and `where` for a pattern that does not compile.
  Pattern(std::string_view pattern, const char* code, const std::string& where);
  // Case counts, and a text is code points with their Unicode properties; in a text that is not
  // UTF-8 nothing is found. The Error says `remedy`.
  static Pattern unicode(std::string_view pattern, const char* code, const std::string& where,
                         const char* remedy = kMendIt);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // The first match at or behind byte `from`; none is empty. A pattern that needs too many steps
  // finds nothing.
  std::optional<Match> find(std::string_view text, size_t from = 0) const;  // thread-safe
  std::vector<Match> find_all(std::string_view text) const;  // left to right and apart
  bool in(std::string_view text) const { return find(text).has_value(); }
  // Whether it matches at all: a pattern that only looks ahead matches an empty piece.
  bool accepts(std::string_view text) const;
  // Number of the group (?<name>...); 0 when there is none.
  size_t group(const char* name) const;

 private:
  static constexpr char kMendIt[] = "Mend the pattern.";
  struct State;
  Pattern(std::string_view pattern, uint32_t options, const char* code, const std::string& where,
          const char* remedy);
  std::unique_ptr<State> state_;
};

}  // namespace gantry
