// Clauses: a section cut into its items and sentences, and those that speak of one subject (a
// lexicon, as a pattern) told from the others. A report's diagnosis lists many organs; a question
// about one of them is answered by the clauses that name it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace gantry {

// Lines and sentences (after 。), without surrounding white space and leading numbering ("1. ",
// "(2)", "③", "- "). Pieces of `text`, in order, none empty.
std::vector<std::string_view> clauses(std::string_view text);

class FocusPattern {
 public:
  // A PCRE2 pattern, for example "骨|椎|[LT]h? ?\\d". Error E0361 when it is none.
  explicit FocusPattern(const std::string& pattern);

  bool in(std::string_view clause) const { return pattern_.accepts(clause); }  // thread-safe
  // The clauses of `text` that hold the pattern (or that do not), joined by line breaks.
  std::string clauses_with(std::string_view text) const { return joined(text, true); }
  std::string clauses_without(std::string_view text) const { return joined(text, false); }

 private:
  std::string joined(std::string_view text, bool with) const;
  Pattern pattern_;
};

}  // namespace gantry
