#include "text/concepts.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "text/clauses.h"

namespace gantry {
namespace {

constexpr double kEqualWithin = 0.02;  // of the old number: measurement to measurement

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

struct Rule {
  std::vector<std::string> signs;  // one, or three for larger, equal, smaller
  std::unique_ptr<pcre2_code, CodeFree> pattern;
  int old_group = 0, new_group = 0;
};

// A sign at its place in the clause.
struct Hit {
  size_t begin, end;
  const std::string* sign;
};

std::vector<std::string> signs_of(std::string_view text) {
  std::vector<std::string> signs;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    signs.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return signs;
}

Rule rule_of(std::string_view line, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    throw Error("E0363", where + ": " + why,
                "Write one sign (or three, to compare numbers), a tab and a pattern.");
  };
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) refuse("no tab");
  Rule rule{.signs = signs_of(line.substr(0, tab)), .pattern = nullptr};
  if (rule.signs.size() != 1 && rule.signs.size() != 3)
    refuse(std::to_string(rule.signs.size()) + " signs");
  const std::string_view pattern = line.substr(tab + 1);
  int error = 0;
  PCRE2_SIZE at = 0;
  rule.pattern.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr));
  if (!rule.pattern) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof message);
    refuse("character " + std::to_string(at) + ": " + reinterpret_cast<const char*>(message));
  }
  pcre2_jit_compile(rule.pattern.get(), PCRE2_JIT_COMPLETE);  // only faster
  if (rule.signs.size() == 3) {
    const auto group = [&](const char* name) {
      return pcre2_substring_number_from_name(rule.pattern.get(),
                                              reinterpret_cast<PCRE2_SPTR>(name));
    };
    rule.old_group = group("old");
    rule.new_group = group("new");
    if (rule.old_group <= 0 || rule.new_group <= 0)
      refuse("three signs, and no groups (?<old>...) and (?<new>...)");
  }
  return rule;
}

const std::string& compared(const Rule& rule, std::string_view clause, const size_t* range) {
  const auto number = [&](int group) {
    const size_t begin = range[2 * group], end = range[2 * group + 1];
    return begin == PCRE2_UNSET
               ? 0.0
               : std::strtod(std::string(clause.substr(begin, end - begin)).c_str(), nullptr);
  };
  const double before = number(rule.old_group), now = number(rule.new_group);
  if (now > before * (1 + kEqualWithin)) return rule.signs[0];
  return rule.signs[now < before * (1 - kEqualWithin) ? 2 : 1];
}

void find(const Rule& rule, std::string_view clause, std::vector<Hit>& hits) {
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(rule.pattern.get(), nullptr), pcre2_match_data_free);
  const auto subject = reinterpret_cast<PCRE2_SPTR>(clause.data());
  for (size_t at = 0;
       at <= clause.size() && pcre2_match(rule.pattern.get(), subject, clause.size(), at,
                                          PCRE2_NOTEMPTY, match.get(), nullptr) > 0;) {
    const size_t* range = pcre2_get_ovector_pointer(match.get());
    const size_t begin = range[0], end = range[1];
    at = std::max(end, at + 1);
    if (std::any_of(hits.begin(), hits.end(),
                    [&](const Hit& hit) { return begin < hit.end && hit.begin < end; }))
      continue;
    hits.push_back(
        {begin, end, rule.signs.size() == 1 ? &rule.signs[0] : &compared(rule, clause, range)});
  }
}

}  // namespace

struct ConceptTable::State {
  std::vector<Rule> rules;
};

ConceptTable::ConceptTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConceptTable::ConceptTable(ConceptTable&&) noexcept = default;
ConceptTable::~ConceptTable() = default;

ConceptTable ConceptTable::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename());
}

ConceptTable ConceptTable::parse(std::string_view table, const std::string& name) {
  auto state = std::make_unique<State>();
  for (const NumberedLine& line : data_lines(table))
    state->rules.push_back(rule_of(line.text, name + ", line " + std::to_string(line.number)));
  return ConceptTable(std::move(state));
}

std::string ConceptTable::of_clause(std::string_view clause) const {
  std::vector<Hit> hits;
  for (const Rule& rule : state_->rules) find(rule, clause, hits);
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.begin < b.begin; });
  std::string out;
  const std::string* last = nullptr;
  for (const Hit& hit : hits) {
    if (!last || *last != *hit.sign) out += *hit.sign;
    last = hit.sign;
  }
  return out;
}

std::string ConceptTable::of_text(std::string_view text) const {
  std::string out;
  for (std::string_view clause : clauses(text)) {
    const std::string signs = of_clause(clause);
    out += (out.empty() ? "" : "。") + (signs.empty() ? "-" : signs);
  }
  return out;
}

}  // namespace gantry
