// How a case's code is read in an edition: codes are subdivided and retired as years go by, and a
// case coded in 2018 may hold one that the edition of today does not allow.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/code_list.h"

namespace gantry {

// Old code -> code to be used, with the reason: data (tasks/icd10cm-replaced.tsv). An old code may
// have several lines; the first whose pattern is found in the case's text counts.
class CodeReplacements {
 public:
  // Lines "old<tab>new<tab>pattern<tab>reason"; an empty pattern always counts; "#" begins a
  // remark. E0373 with file and line.
  static CodeReplacements parse(std::string_view tsv, const std::string& label);
  static CodeReplacements load(const std::filesystem::path& file);
  CodeReplacements();  // replaces nothing
  CodeReplacements(CodeReplacements&&) noexcept;
  CodeReplacements& operator=(CodeReplacements&&) noexcept;
  ~CodeReplacements();

  struct Replacement {
    std::string to, reason;
  };
  // nullptr: no line counts.
  const Replacement* find(std::string_view code, std::string_view text) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

enum class CodeStanding {
  kAllowed,     // billable and within the task's ranges
  kReplaced,    // by the table, with something allowed
  kSubdivided,  // in the edition, not billable any more, and no replacement is given
  kOutside,     // billable, outside the task's ranges
  kUnknown,     // not in the edition
};
const char* standing_words(CodeStanding standing);  // "subdivided", ...

struct ReadCode {
  std::string code;  // the code to learn and to score by; "" when the case is left out
  CodeStanding standing = CodeStanding::kUnknown;
  // For the list of cases: "C88.4 is not billable in icd10cm-2026-04; read as C88.40 (...)".
  std::string words;
};
// `whole` is the edition, `allowed` the task's subset of it, `text` the diagnosis.
ReadCode read_case_code(std::string_view code, std::string_view text, const CodeList& whole,
                        const CodeList& allowed, const CodeReplacements& replacements);

}  // namespace gantry
