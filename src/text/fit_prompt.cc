#include "text/fit_prompt.h"

#include <algorithm>

#include "base/error.h"

namespace gantry {

TooLong too_long_rule(const std::string& name) {
  if (name == "refuse") return TooLong::kRefuse;
  if (name == "shorten") return TooLong::kShorten;
  throw Error("E0346", "'" + name + "': not a rule for texts that are too long",
              "Use refuse (an error that names the record) or shorten (the middle of the record's "
              "text is taken out, and the record listed).");
}

int64_t fit_prompt(PromptIds& prompt, int64_t limit, TooLong rule, const std::string& id) {
  const auto length = static_cast<int64_t>(prompt.ids.size());
  const int64_t excess = length - limit;
  if (excess <= 0) return 0;
  const std::string too_long = id + ": its prompt has " + std::to_string(length) +
                               " tokens, and there is room for " +
                               std::to_string(std::max<int64_t>(limit, 0));
  if (rule == TooLong::kRefuse)
    throw Error("E0347", too_long,
                "Leave the record out, take a model with a longer context, or let its text be "
                "shortened (too_long = \"shorten\").");
  const int64_t text = prompt.text_end - prompt.text_begin;
  if (excess > text)
    throw Error("E0347", too_long + "; without the record's text it is still too long",
                "Shorten the prompt's instruction, or take a model with a longer context.");
  const int64_t kept = text - excess;
  const auto from = prompt.ids.begin() + prompt.text_begin + (kept + 1) / 2;
  prompt.ids.erase(from, from + excess);
  prompt.text_end -= excess;
  return excess;
}

}  // namespace gantry
