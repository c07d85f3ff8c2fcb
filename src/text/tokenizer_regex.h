// The regular expressions of tokenizer files. They are written for Oniguruma (Ruby's syntax), which
// Hugging Face's tokenizers use; PCRE2 runs them here. Where the two disagree the pattern is
// rewritten, and what cannot be rewritten is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry {

class TokenizerRegex {
 public:
  // Error E0327, with `where` in front, for a pattern that cannot be run.
  TokenizerRegex(std::string_view pattern, std::string where);
  ~TokenizerRegex();
  TokenizerRegex(const TokenizerRegex&) = delete;
  TokenizerRegex& operator=(const TokenizerRegex&) = delete;

  // All matches in `text` (valid UTF-8), left to right and apart, as [begin, end).
  // Error E0328 when the pattern needs more steps than any sane one (catastrophic backtracking).
  std::vector<std::pair<size_t, size_t>> find_all(std::string_view text) const;

  // The pattern in PCRE2's syntax; for the tests.
  static std::string translated(std::string_view pattern, const std::string& where);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
  std::string where_;
};

}  // namespace gantry
