#include "text/case_code.h"

#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "text/pattern.h"

namespace gantry {
namespace {

struct Line {
  std::optional<Pattern> when;
  CodeReplacements::Replacement replacement;
};

}  // namespace

struct CodeReplacements::State {
  std::map<std::string, std::vector<Line>, std::less<>> of;
};

CodeReplacements::CodeReplacements() : state_(std::make_unique<State>()) {}
CodeReplacements::CodeReplacements(CodeReplacements&&) noexcept = default;
CodeReplacements& CodeReplacements::operator=(CodeReplacements&&) noexcept = default;
CodeReplacements::~CodeReplacements() = default;

CodeReplacements CodeReplacements::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename().string());
}

CodeReplacements CodeReplacements::parse(std::string_view tsv, const std::string& label) {
  CodeReplacements all;
  for (const auto& [number, text] : data_lines(tsv)) {
    const std::string where = label + ", line " + std::to_string(number);
    const auto fields = split(text, '\t');
    const std::string from = fields.size() == 4 ? canonical_code(fields[0]) : std::string();
    const std::string to = fields.size() == 4 ? canonical_code(fields[1]) : std::string();
    if (from.empty() || to.empty() || from == to || trim(fields[3]).empty()) {
      throw Error("E0373",
                  where + ": not an old code, a new code, a pattern (or nothing), a reason",
                  "Write the four fields, parted by tabs.");
    }
    Line line{.replacement = {to, one_line_title(fields[3])}};
    if (!fields[2].empty()) line.when.emplace(fields[2], "E0373", where);
    all.state_->of[from].push_back(std::move(line));
  }
  return all;
}

const CodeReplacements::Replacement* CodeReplacements::find(std::string_view code,
                                                            std::string_view text) const {
  const auto lines = state_->of.find(canonical_code(code));
  if (lines == state_->of.end()) return nullptr;
  for (const Line& line : lines->second) {
    if (!line.when || line.when->in(text)) return &line.replacement;
  }
  return nullptr;
}

const char* standing_words(CodeStanding standing) {
  switch (standing) {
    case CodeStanding::kAllowed:
      return "allowed";
    case CodeStanding::kReplaced:
      return "replaced";
    case CodeStanding::kSubdivided:
      return "subdivided";
    case CodeStanding::kOutside:
      return "outside the task's ranges";
    case CodeStanding::kUnknown:
      return "not in the edition";
  }
  return "";
}

ReadCode read_case_code(std::string_view code, std::string_view text, const CodeList& whole,
                        const CodeList& allowed, const CodeReplacements& replacements) {
  const std::string canonical = canonical_code(code);
  const auto may_answer = [&](std::string_view c) {
    const int32_t row = allowed.find(c);
    return row >= 0 && allowed[static_cast<size_t>(row)].billable;
  };
  if (may_answer(canonical)) return {canonical, CodeStanding::kAllowed, ""};

  const int32_t row = whole.find(canonical);
  const std::string shown = canonical.empty() ? "'" + std::string(code) + "'" : canonical;
  if (row >= 0 && whole[static_cast<size_t>(row)].billable) {
    return {"", CodeStanding::kOutside,
            shown + " (" + whole[static_cast<size_t>(row)].title + ") is billable in " +
                whole.name() + " but outside the task's ranges; left out"};
  }
  const std::string what =
      shown + (row >= 0 ? " is not billable in " : " is not in ") + whole.name();
  const CodeReplacements::Replacement* found = replacements.find(canonical, text);
  if (found && may_answer(found->to)) {
    return {found->to, CodeStanding::kReplaced,
            what + "; read as " + found->to + " (" + found->reason + ")"};
  }
  return {"", row >= 0 ? CodeStanding::kSubdivided : CodeStanding::kUnknown,
          what + " and no replacement is given; left out"};
}

}  // namespace gantry
