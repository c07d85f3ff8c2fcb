// Concepts: what a clause says, in one sign each (new, larger, unchanged, denied, suspected, ...),
// by a table that is data. What hospitals word in a hundred ways becomes a short text that a model
// learns from few reports.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace gantry {

class ConceptTable {
 public:
  // Lines "SIGN<tab>PATTERN" (PCRE2); "#" begins a remark. Behind the sign may stand a blank and
  // what it means. Letters taken by one line are not seen by a later one. Three signs (larger,
  // equal, smaller) compare the numbers that the groups (?<old>...) and (?<new>...) hold; within
  // 2 % counts as equal. "clause<tab>PATTERN" says what parts clauses besides line breaks and 。.
  // Error E0363 with file and line.
  static ConceptTable load(const std::filesystem::path& file);
  static ConceptTable parse(std::string_view table, const std::string& name);

  // The signs of one clause in the order in which they stand, a run of one sign once; "" where it
  // holds none. Valid UTF-8; thread-safe.
  std::string of_clause(std::string_view clause) const;
  // Those of all clauses of a text (text/clauses.h), 。 between them, "-" for a clause without any.
  std::string of_text(std::string_view text) const;

 private:
  struct Rule {
    std::vector<std::string> signs;  // one, or three for larger, equal, smaller
    Pattern pattern;
    size_t old_group = 0, new_group = 0;
  };
  static Rule rule_of(std::string_view line, const std::string& where);
  static const std::string& compared(const Rule& rule, const Pattern::Match& match);
  std::vector<std::string_view> pieces(std::string_view clause) const;
  std::vector<Rule> rules_;
  std::optional<Pattern> parts_clauses_;
};

}  // namespace gantry
