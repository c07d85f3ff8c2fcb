#include "text/wording.h"

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {

Wording Wording::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename());
}

Wording Wording::parse(std::string_view table, const std::string& name) {
  Wording wording;
  for (const NumberedLine& line : data_lines(table))
    wording.rules_.push_back(rule_of(line.text, name + ", line " + std::to_string(line.number)));
  return wording;
}

Wording::Rule Wording::rule_of(std::string_view line, const std::string& where) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || tab == 0)
    throw Error("E0362", where + ": no pattern and tab",
                "Write a pattern, a tab and its replacement.");
  return {Pattern::unicode(line.substr(0, tab), "E0362", where), std::string(line.substr(tab + 1))};
}

namespace {

// The replacement with \1 to \9 filled in by what the groups hold.
void append_replacement(std::string& out, std::string_view replacement,
                        const Pattern::Match& match) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    const bool group = replacement[i] == '\\' && i + 1 < replacement.size() &&
                       replacement[i + 1] >= '1' && replacement[i + 1] <= '9';
    if (group) {
      out += match[static_cast<size_t>(replacement[++i] - '0')];
    } else {
      out += replacement[i];
    }
  }
}

}  // namespace

std::string Wording::fold(std::string_view text) const {
  std::string folded(text);
  for (const Rule& rule : rules_) {
    // Most rules do not occur in most texts: the output is only made when one does.
    const auto matches = rule.pattern.find_all(folded);
    if (matches.empty()) continue;
    std::string out;
    size_t copied = 0;
    for (const Pattern::Match& match : matches) {
      out.append(folded, copied, match.begin - copied);
      append_replacement(out, rule.replacement, match);
      copied = match.end;
    }
    out.append(folded, copied, std::string::npos);
    folded = std::move(out);
  }
  return folded;
}

}  // namespace gantry
