// A prompt that is too long for the model's context: refused, or the record's text shortened in its
// middle, never silently. Works on token ids, so that training and answering cut alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gantry {

// A prompt as ids, and which of them are the record's own text (the rest is instruction and
// template, which is never cut).
struct PromptIds {
  std::vector<int32_t> ids;
  int64_t text_begin = 0, text_end = 0;  // of ids; equal: no part may be cut
};

enum class TooLong { kRefuse, kShorten };
// "refuse" or "shorten". Error E0346 for another word.
TooLong too_long_rule(const std::string& name);

// Makes `prompt` at most `limit` ids long: from the middle of its text as many ids as are too many
// are taken out (the beginning keeps the odd one). Returns how many were taken out (0: it fitted).
// Error E0347 with `id`, the record, when the rule is to refuse, or when the rest is too long even
// without the text.
int64_t fit_prompt(PromptIds& prompt, int64_t limit, TooLong rule, const std::string& id);

}  // namespace gantry
