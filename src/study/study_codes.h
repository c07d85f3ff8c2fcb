// The code list of a study: the edition as a whole, the part of it that may be answered, and how a
// case's old code is read.
#pragma once

#include <memory>
#include <string>

#include "study/settings.h"
#include "text/case_code.h"
#include "text/code_list.h"

namespace gantry {

struct StudyCodes {
  CodeList whole, allowed;
  CodeReplacements replacements;

  // How the code of a case is read (text/case_code.h); `text` is its diagnosis.
  ReadCode read(std::string_view code, std::string_view text) const;
  // SHA-256 over both lists and the replacements: what an answer in a code depends on.
  const std::string& hash() const { return hash_; }

  StudyCodes(CodeList whole, CodeList allowed, CodeReplacements replacements,
             std::string_view replacements_text);

 private:
  std::string hash_;
};

// The list that settings.codes names; opened once in a process and shared. Errors: E0422 it is not
// on the shelf (`gantry codes get`), and those of CodeShelf::open, CodeList::subset and
// CodeReplacements::load.
std::shared_ptr<const StudyCodes> open_study_codes(const Settings& settings);

}  // namespace gantry
