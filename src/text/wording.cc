#include "text/wording.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {
namespace {

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

struct Rule {
  std::unique_ptr<pcre2_code, CodeFree> pattern;
  std::string replacement;
};

Rule rule_of(std::string_view line, const std::string& where) {
  size_t tab = line.find('\t');
  if (tab == std::string_view::npos || tab == 0)
    throw Error("E0362", where + ": no pattern and tab",
                "Write a pattern, a tab and its replacement.");
  int error = 0;
  PCRE2_SIZE at = 0;
  Rule rule{std::unique_ptr<pcre2_code, CodeFree>(
                pcre2_compile(reinterpret_cast<PCRE2_SPTR>(line.data()), tab, PCRE2_UTF | PCRE2_UCP,
                              &error, &at, nullptr)),
            std::string(line.substr(tab + 1))};
  if (!rule.pattern) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof message);
    throw Error(
        "E0362",
        where + ", character " + std::to_string(at) + ": " + reinterpret_cast<const char*>(message),
        "Mend the pattern.");
  }
  pcre2_jit_compile(rule.pattern.get(), PCRE2_JIT_COMPLETE);  // only faster
  return rule;
}

std::string replaced(const Rule& rule, const std::string& text) {
  // Most rules do not occur in most texts: the output is only made when one does.
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(rule.pattern.get(), nullptr), pcre2_match_data_free);
  std::string out;
  size_t copied = 0, at = 0;
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  while (at <= text.size() && pcre2_match(rule.pattern.get(), subject, text.size(), at,
                                          PCRE2_NOTEMPTY, match.get(), nullptr) > 0) {
    const auto* range = pcre2_get_ovector_pointer(match.get());
    out.append(text, copied, range[0] - copied);
    out += rule.replacement;
    at = copied = range[1];
  }
  if (copied == 0) return text;
  return out.append(text, copied, std::string::npos);
}

}  // namespace

struct Wording::State {
  std::vector<Rule> rules;
};

Wording::Wording(std::unique_ptr<State> state) : state_(std::move(state)) {}
Wording::Wording(Wording&&) noexcept = default;
Wording::~Wording() = default;

Wording Wording::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename());
}

Wording Wording::parse(std::string_view table, const std::string& name) {
  auto state = std::make_unique<State>();
  for (const NumberedLine& line : data_lines(table))
    state->rules.push_back(rule_of(line.text, name + ", line " + std::to_string(line.number)));
  return Wording(std::move(state));
}

std::string Wording::fold(std::string_view text) const {
  std::string out(text);
  for (const auto& rule : state_->rules) out = replaced(rule, out);
  return out;
}

}  // namespace gantry
