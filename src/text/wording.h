// Wording: abbreviations and foreign words of reports folded into one usual wording, by a table
// that is data. What one hospital writes as "bone mets, n.c." another writes as 「骨転移、不変」; a
// model that has seen one should read the other.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace gantry {

class Wording {
 public:
  // Lines "PATTERN<tab>REPLACEMENT" (PCRE2), applied in order; "#" begins a remark; \1 to \9 in a
  // replacement are the pattern's groups. Error E0362 with file and line.
  static Wording load(const std::filesystem::path& file);
  static Wording parse(std::string_view table, const std::string& name);

  std::string fold(std::string_view text) const;  // valid UTF-8; thread-safe

 private:
  struct Rule {
    Pattern pattern;
    std::string replacement;
  };
  static Rule rule_of(std::string_view line, const std::string& where);
  std::vector<Rule> rules_;
};

}  // namespace gantry
