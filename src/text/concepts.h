// Concepts: what a clause says, in one sign each (new, larger, unchanged, denied, suspected, ...),
// by a table that is data. What hospitals word in a hundred ways becomes a short text that a model
// learns from few reports.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace gantry {

class ConceptTable {
 public:
  // Lines "SIGN<tab>PATTERN" (PCRE2); "#" begins a remark. Letters taken by one line are not seen
  // by a later one. Three signs (larger, equal, smaller) compare the numbers that the groups
  // (?<old>...) and (?<new>...) hold; within 2 % counts as equal. Error E0363 with file and line.
  static ConceptTable load(const std::filesystem::path& file);
  static ConceptTable parse(std::string_view table, const std::string& name);
  ConceptTable(ConceptTable&&) noexcept;
  ~ConceptTable();

  // The signs of one clause in the order in which they stand, a run of one sign once; "" where it
  // holds none. Valid UTF-8; thread-safe.
  std::string of_clause(std::string_view clause) const;
  // Those of all clauses of a text (text/clauses.h), 。 between them, "-" for a clause without any.
  std::string of_text(std::string_view text) const;

 private:
  struct State;
  explicit ConceptTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gantry
