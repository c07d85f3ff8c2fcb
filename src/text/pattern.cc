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
};

Pattern::Pattern(std::string_view pattern, const char* code, const std::string& where)
    : state_(std::make_unique<State>()) {
  int error = 0;
  PCRE2_SIZE at = 0;
  // Bytes, not code points: a text with damaged UTF-8 must not escape the patterns.
  state_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_CASELESS, &error, &at, nullptr));
  if (!state_->code) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof message);
    throw Error(code,
                where + ": the pattern '" + std::string(pattern) + "', character " +
                    std::to_string(at) + ": " + reinterpret_cast<const char*>(message),
                "Mend the pattern.");
  }
  pcre2_jit_compile(state_->code.get(), PCRE2_JIT_COMPLETE);  // only faster
  state_->context.reset(pcre2_match_context_create(nullptr));
  if (!state_->context) throw std::bad_alloc();
  pcre2_set_match_limit(state_->context.get(), kMostSteps);
}

Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

std::optional<Pattern::Match> Pattern::find(std::string_view text, size_t from) const {
  if (from > text.size()) return std::nullopt;
  const std::unique_ptr<pcre2_match_data, MatchFree> data(
      pcre2_match_data_create_from_pattern(state_->code.get(), nullptr));
  if (!data) throw std::bad_alloc();
  const int groups =
      pcre2_match(state_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                  PCRE2_NOTEMPTY, data.get(), state_->context.get());
  if (groups <= 0) return std::nullopt;
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
  Match match{range[0], range[1], {}};
  for (int g = 1; g < groups; ++g) {
    const bool took_part = range[2 * g] != PCRE2_UNSET;
    match.groups.push_back(took_part ? text.substr(range[2 * g], range[2 * g + 1] - range[2 * g])
                                     : std::string_view{});
  }
  return match;
}

std::vector<Pattern::Match> Pattern::find_all(std::string_view text) const {
  std::vector<Match> all;
  for (size_t at = 0; auto match = find(text, at);) {
    at = match->end;
    all.push_back(std::move(*match));
  }
  return all;
}

}  // namespace gantry
