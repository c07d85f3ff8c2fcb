// The side of a regimen that was drawn up for another case.
#include <array>

#include "base/strings.h"
#include "text/regimen.h"
#include "text/regimen_terms.h"

namespace gantry {
namespace {

bool same_word(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (size_t i = 0; i < lower_case.size(); ++i)
    if ((text[i] | 0x20) != lower_case[i]) return false;
  return true;
}

// What a mention of one side becomes: "left-sided" "right-sided", "Lt" "Rt", "L" "R".
std::string turned(std::string_view mention) {
  constexpr std::array<std::array<std::string_view, 2>, 3> kPairs = {
      {{"left", "right"}, {"lt", "rt"}, {"l", "r"}}};
  for (const auto& pair : kPairs)
    for (int from : {0, 1}) {
      const std::string_view word = pair[static_cast<size_t>(from)];
      if (!same_word(mention, word)) continue;
      std::string out(pair[static_cast<size_t>(1 - from)]);
      if (mention[0] < 'a') out[0] = static_cast<char>(out[0] & ~0x20);
      return out.append(mention.substr(word.size()));
    }
  return std::string(mention);
}

}  // namespace

std::string only_side(std::string_view text, const RegimenTerms& terms) {
  const RegimenTerms::State& state = terms.state();
  const bool left = state.of("left").in(text), right = state.of("right").in(text);
  if (left == right || state.of("both").in(text)) return {};
  return left ? "left" : "right";
}

std::string with_side_of(std::string_view diagnosis, std::string regimen,
                         const RegimenTerms& terms) {
  const std::string wanted = only_side(diagnosis, terms), given = only_side(regimen, terms);
  if (wanted.empty() || given.empty() || wanted == given) return regimen;
  std::string out;
  size_t copied = 0;
  for (const Pattern::Match& match : terms.state().of(given).find_all(regimen)) {
    out.append(regimen, copied, match.begin - copied);
    out += turned(std::string_view(regimen).substr(match.begin, match.end - match.begin));
    copied = match.end;
  }
  return out.append(regimen, copied, std::string::npos);
}

}  // namespace gantry
