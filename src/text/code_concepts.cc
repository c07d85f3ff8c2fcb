#include "text/code_concepts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace gantry {
namespace {

constexpr const char* kCode = "E0379";
constexpr double kEarlyBytes = 100;  // of a diagnosis of some 400: what is treated stands in front

const std::map<std::string_view, ConceptKind>& kinds() {
  static const std::map<std::string_view, ConceptKind> all = {
      {"side", ConceptKind::kSide},           {"nature", ConceptKind::kNature},
      {"site", ConceptKind::kSite},           {"part", ConceptKind::kPart},
      {"histology", ConceptKind::kHistology}, {"other", ConceptKind::kOther}};
  return all;
}

}  // namespace

CodeConcepts CodeConcepts::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename().string());
}

CodeConcepts CodeConcepts::parse(std::string_view tsv, const std::string& label) {
  CodeConcepts all;
  all.source_ = tsv;
  for (const auto& [number, line] : data_lines(tsv)) {
    const std::string where = label + ", line " + std::to_string(number);
    const auto fields = split(line, '\t');
    const bool unsaid = !fields.empty() && fields[0] == "unsaid";
    const auto kind = fields.empty() ? kinds().end() : kinds().find(fields[0]);
    if (fields.size() < 3 || fields.size() > 4 || fields[1].empty() || fields[2].empty() ||
        (!unsaid && kind == kinds().end())) {
      throw Error(kCode, where + ": not a kind, a name, a pattern in texts and one in titles",
                  "Write the fields parted by tabs; kinds are side, nature, site, part, histology, "
                  "other and unsaid.");
    }
    if (unsaid) {
      all.unsaid_.emplace_back(fields[2], kCode, where);
      continue;
    }
    const std::string_view in_title =
        fields.size() == 4 && !fields[3].empty() ? fields[3] : fields[2];
    all.concepts_.push_back({kind->second, std::string(fields[1]), Pattern(fields[2], kCode, where),
                             Pattern(in_title, kCode, where)});
  }
  return all;
}

int32_t CodeConcepts::find(std::string_view name) const {
  for (size_t c = 0; c < concepts_.size(); ++c) {
    if (concepts_[c].name == name) return static_cast<int32_t>(c);
  }
  return -1;
}

ConceptReading CodeConcepts::read(std::string_view text) const {
  std::string said(text);
  for (const Pattern& pattern : unsaid_) {
    for (const Pattern::Match& match : pattern.find_all(said)) {
      std::fill(said.begin() + static_cast<int64_t>(match.begin),
                said.begin() + static_cast<int64_t>(match.end), ' ');
    }
  }
  ConceptReading reading;
  for (const Concept& concept_of : concepts_) {
    const auto match = concept_of.in_text.find(said);
    reading.said.push_back(match.has_value());
    reading.named.push_back(match.has_value() || concept_of.in_text.in(text));
    reading.early.push_back(match ? std::exp(-static_cast<double>(match->begin) / kEarlyBytes) : 0);
  }
  return reading;
}

std::vector<int32_t> CodeConcepts::in_title(std::string_view code_and_title) const {
  std::vector<int32_t> found;
  for (size_t c = 0; c < concepts_.size(); ++c) {
    if (concepts_[c].in_title.in(code_and_title)) found.push_back(static_cast<int32_t>(c));
  }
  return found;
}

}  // namespace gantry
