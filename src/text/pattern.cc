#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

namespace gantry {
namespace {

// Some hundred times what the patterns of tasks/ need on a text of 100 kB.
constexpr uint32_t kMostSteps = 5'000'000;

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct Pattern::State {
  std::unique_ptr<pcre2_code, CodeFree> code;
  std::unique_ptr<pcre2_match_context, ContextFree> context;

  std::unique_ptr<pcre2_match_data, MatchFree> match_data() const {
    std::unique_ptr<pcre2_match_data, MatchFree> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr));
    if (!data) throw std::bad_alloc();
    return data;
  }
  // The count of groups that took part, the whole one included; 0 or less where nothing is found.
  int run(std::string_view text, size_t from, uint32_t options, pcre2_match_data* data) const {
    return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       options, data, context.get());
  }
};

Pattern::Pattern(std::string_view pattern, const char* code, const std::string& where)
    : Pattern(pattern, PCRE2_CASELESS, code, where, kMendIt) {}

Pattern Pattern::unicode(std::string_view pattern, const char* code, const std::string& where,
                         const char* remedy) {
  // \C would let a match end within a character.
  return {pattern, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, code, where, remedy};
}

Pattern::Pattern(std::string_view pattern, uint32_t options, const char* code,
                 const std::string& where, const char* remedy)
    : state_(std::make_unique<State>()) {
  int error = 0;
  PCRE2_SIZE at = 0;
  state_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options, &error, &at, nullptr));
  if (!state_->code) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof message);
    throw Error(code,
                where + ": the pattern '" + std::string(pattern) + "', character " +
                    std::to_string(at) + ": " + reinterpret_cast<const char*>(message),
                remedy);
  }
  pcre2_jit_compile(state_->code.get(), PCRE2_JIT_COMPLETE);  // only faster
  state_->context.reset(pcre2_match_context_create(nullptr));
  if (!state_->context) throw std::bad_alloc();
  pcre2_set_match_limit(state_->context.get(), kMostSteps);
}

Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

namespace {

Pattern::Match match_of(std::string_view text, int groups, pcre2_match_data* data) {
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data);
  Pattern::Match match{range[0], range[1], {}};
  for (int g = 1; g < groups; ++g) {
    const bool took_part = range[2 * g] != PCRE2_UNSET;
    match.groups.push_back(took_part ? text.substr(range[2 * g], range[2 * g + 1] - range[2 * g])
                                     : std::string_view{});
  }
  return match;
}

}  // namespace

std::optional<Pattern::Match> Pattern::find(std::string_view text, size_t from) const {
  if (from > text.size()) return std::nullopt;
  const auto data = state_->match_data();
  const int groups = state_->run(text, from, PCRE2_NOTEMPTY, data.get());
  if (groups <= 0) return std::nullopt;
  return match_of(text, groups, data.get());
}

std::vector<Pattern::Match> Pattern::find_all(std::string_view text) const {
  std::vector<Match> all;
  const auto data = state_->match_data();
  uint32_t options = PCRE2_NOTEMPTY;
  for (size_t at = 0; at <= text.size(); at = all.back().end) {
    const int groups = state_->run(text, at, options, data.get());
    if (groups <= 0) break;
    all.push_back(match_of(text, groups, data.get()));
    options |= PCRE2_NO_UTF_CHECK;  // the first match has looked through the text
  }
  return all;
}

bool Pattern::accepts(std::string_view text) const {
  return state_->run(text, 0, 0, state_->match_data().get()) > 0;
}

size_t Pattern::group(const char* name) const {
  const int number =
      pcre2_substring_number_from_name(state_->code.get(), reinterpret_cast<PCRE2_SPTR>(name));
  return number > 0 ? static_cast<size_t>(number) : 0;
}

}  // namespace gantry
