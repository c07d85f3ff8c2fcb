#include "text/concepts.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "text/clauses.h"

namespace gantry {
namespace {

constexpr char kRemedy[] = "Write one sign (or three, to compare numbers), a tab and a pattern.";
constexpr std::string_view kClauseLine = "clause\t";
constexpr double kEqualWithin = 0.02;  // of the old number: measurement to measurement

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

}  // namespace

ConceptTable ConceptTable::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename());
}

ConceptTable ConceptTable::parse(std::string_view table, const std::string& name) {
  ConceptTable concepts;
  for (const NumberedLine& line : data_lines(table)) {
    const std::string where = name + ", line " + std::to_string(line.number);
    if (line.text.starts_with(kClauseLine))
      concepts.parts_clauses_ =
          Pattern::unicode(line.text.substr(kClauseLine.size()), "E0363", where, kRemedy);
    else
      concepts.rules_.push_back(rule_of(line.text, where));
  }
  return concepts;
}

ConceptTable::Rule ConceptTable::rule_of(std::string_view line, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    throw Error("E0363", where + ": " + why, kRemedy);
  };
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) refuse("no tab");
  const std::string_view field = line.substr(0, tab);
  std::vector<std::string> signs = signs_of(field.substr(0, field.find(' ')));
  if (signs.size() != 1 && signs.size() != 3) refuse(std::to_string(signs.size()) + " signs");
  Rule rule{std::move(signs), Pattern::unicode(line.substr(tab + 1), "E0363", where, kRemedy)};
  if (rule.signs.size() == 3) {
    rule.old_group = rule.pattern.group("old");
    rule.new_group = rule.pattern.group("new");
    if (rule.old_group == 0 || rule.new_group == 0)
      refuse("three signs, and no groups (?<old>...) and (?<new>...)");
  }
  return rule;
}

const std::string& ConceptTable::compared(const Rule& rule, const Pattern::Match& match) {
  const auto number = [&](size_t group) {
    return std::strtod(std::string(match[group]).c_str(), nullptr);
  };
  const double before = number(rule.old_group), now = number(rule.new_group);
  if (now > before * (1 + kEqualWithin)) return rule.signs[0];
  return rule.signs[now < before * (1 - kEqualWithin) ? 2 : 1];
}

std::string ConceptTable::of_clause(std::string_view clause) const {
  std::vector<Hit> hits;
  for (const Rule& rule : rules_) {
    for (const Pattern::Match& match : rule.pattern.find_all(clause)) {
      const bool taken = std::any_of(hits.begin(), hits.end(), [&](const Hit& hit) {
        return match.begin < hit.end && hit.begin < match.end;
      });
      if (taken) continue;
      hits.push_back({match.begin, match.end,
                      rule.signs.size() == 1 ? &rule.signs[0] : &compared(rule, match)});
    }
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.begin < b.begin; });
  std::string out;
  const std::string* last = nullptr;
  for (const Hit& hit : hits) {
    if (!last || *last != *hit.sign) out += *hit.sign;
    last = hit.sign;
  }
  return out;
}

std::vector<std::string_view> ConceptTable::pieces(std::string_view clause) const {
  std::vector<std::string_view> out;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    const std::string_view piece = trim(clause.substr(begin, end - begin));
    if (!piece.empty()) out.push_back(piece);
  };
  if (parts_clauses_) {
    for (const Pattern::Match& match : parts_clauses_->find_all(clause)) {
      add(match.begin);
      begin = match.end;
    }
  }
  add(clause.size());
  return out;
}

std::string ConceptTable::of_text(std::string_view text) const {
  std::string out;
  for (std::string_view clause : clauses(text)) {
    for (std::string_view piece : pieces(clause)) {
      const std::string signs = of_clause(piece);
      out += (out.empty() ? "" : "。") + (signs.empty() ? "-" : signs);
    }
  }
  return out;
}

}  // namespace gantry
