#include "text/code_features.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gantry {
namespace {

constexpr double kHighestIdf = 6;
constexpr double kEarly = 0.3;  // a mention within the first 120 bytes
constexpr double kUnseen =
    0.3;  // cases that a code never seen is taken to have, under the logarithm

// Places behind the 3 * kConceptKinds features of concepts.
enum Structure {
  kFirstSide,
  kWrongSide,
  kOverlapping,
  kUnspecified,
  kSiblings,
  kTitle,
  kNearCode,
  kNearCategory,
  kPrior
};

}  // namespace

CodeFeatures::CodeFeatures(const CodeList& candidates, std::vector<std::string> documents,
                           const CodeConcepts& concepts)
    : concepts_(concepts),
      documents_(std::move(documents)),
      titles_(CaseIndex::fit(documents_, 1)),
      idf_(concepts.size()),
      right_(concepts.find("right")),
      left_(concepts.find("left")) {
  GANTRY_CHECK(documents_.size() == candidates.size());
  const int32_t overlapping = concepts.find("overlapping");
  const int32_t unspecified = concepts.find("unspecified part");
  std::map<std::string, int32_t> category;
  for (const Code& code : candidates.codes()) {
    Candidate candidate;
    candidate.concepts = concepts.in_title(code.code + " " + code.title);
    const auto carries = [&](int32_t c) {
      return c >= 0 && std::binary_search(candidate.concepts.begin(), candidate.concepts.end(), c);
    };
    candidate.overlapping = carries(overlapping);
    candidate.unspecified = carries(unspecified);
    candidate.category =
        category.emplace(shortened_code(code.code, 3), static_cast<int32_t>(category.size()))
            .first->second;
    categories_.resize(category.size());
    std::vector<int32_t>& parts = categories_[candidate.category].parts;
    for (int32_t c : candidate.concepts) {
      ++idf_[c];
      const bool part = concepts.kind(c) == ConceptKind::kPart;
      if (part && std::find(parts.begin(), parts.end(), c) == parts.end()) parts.push_back(c);
    }
    parts_.push_back(std::move(candidate));
  }
  for (double& count : idf_) {
    count = std::min(kHighestIdf, std::log((static_cast<double>(parts_.size()) + 1) / (count + 1)));
  }
}

std::vector<CodeFeatures::Siblings> CodeFeatures::siblings_in(const ConceptReading& reading) const {
  std::vector<Siblings> all;
  for (const Category& category : categories_) {
    Siblings s;
    for (int32_t c : category.parts) {
      s.said += reading.said[c];
      s.early += reading.early[c] > kEarly;
    }
    all.push_back(s);
  }
  return all;
}

// For each kind: mentioned early, not named anywhere, not said (outside negated clauses).
void CodeFeatures::add_concepts(const ConceptReading& reading, size_t code, float* row) const {
  for (int32_t c : parts_[code].concepts) {
    float* of_kind = row + 3 * static_cast<int>(concepts_.kind(c));
    of_kind[0] += static_cast<float>(reading.early[c] * idf_[c]);
    if (!reading.named[c]) of_kind[1] += static_cast<float>(idf_[c]);
    if (!reading.said[c]) of_kind[2] += 1;
  }
}

void CodeFeatures::add_structure(const ConceptReading& reading, const Siblings& siblings,
                                 size_t code, float* row) const {
  const Candidate& candidate = parts_[code];
  double own_early = 0;
  for (int32_t c : candidate.concepts) {
    const bool part = concepts_.kind(c) == ConceptKind::kPart;
    if (part) own_early += reading.early[c] > kEarly;
    if (c != right_ && c != left_) continue;
    const int32_t other = c == right_ ? left_ : right_;
    if (other < 0) continue;
    if (reading.early[c] > reading.early[other]) row[kFirstSide] += 1;
    if (reading.early[c] < reading.early[other]) row[kWrongSide] += 1;
  }
  // "Overlapping sites" needs two parts, "unspecified" none.
  if (candidate.overlapping) row[kOverlapping] = siblings.early >= 2 ? 1 : -1;
  if (candidate.unspecified) row[kUnspecified] = siblings.said == 0 ? 1 : -1;
  row[kSiblings] = static_cast<float>(siblings.early - own_early);
}

void CodeFeatures::add_cases(std::string_view text, const CodedCases& cases,
                             std::span<float> rows) const {
  const std::vector<double> cosine = cases.index.cosines(text);
  std::vector<double> near_code(codes()), near_category(categories_.size());
  std::vector<double> of_code(codes()), of_category(categories_.size());
  for (size_t i = 0; i < cosine.size(); ++i) {
    const int32_t code = cases.code[i], category = parts_[code].category;
    near_code[code] = std::max(near_code[code], cosine[i]);
    near_category[category] = std::max(near_category[category], cosine[i]);
    ++of_code[code];
    ++of_category[category];
  }
  for (size_t c = 0; c < codes(); ++c) {
    const int32_t category = parts_[c].category;
    float* row = rows.data() + c * kCount + 3 * kConceptKinds;
    row[kNearCode] = static_cast<float>(near_code[c]);
    row[kNearCategory] = static_cast<float>(near_category[category]);
    row[kPrior] = static_cast<float>(std::log(of_code[c] + kUnseen) +
                                     std::log(of_category[category] + kUnseen));
  }
}

std::vector<float> CodeFeatures::of(std::string_view text, const ConceptReading& reading,
                                    const CodedCases& cases) const {
  std::vector<float> rows(codes() * kCount);
  const std::vector<Siblings> siblings = siblings_in(reading);
  const std::vector<double> title = titles_.cosines(text);
  for (size_t c = 0; c < codes(); ++c) {
    float* row = rows.data() + c * kCount;
    add_concepts(reading, c, row);
    add_structure(reading, siblings[parts_[c].category], c, row + 3 * kConceptKinds);
    row[3 * kConceptKinds + kTitle] = static_cast<float>(title[c]);
  }
  add_cases(text, cases, rows);
  return rows;
}

std::vector<std::string> code_documents(const CodeList& candidates, const CodeList& whole) {
  std::vector<std::string> documents;
  for (const Code& code : candidates.codes()) {
    std::string document = code.title + " ; " + code.title;
    bool self = true;
    for (int32_t row : whole.line_of(whole.find(code.code))) {
      const Code& above = whole[static_cast<size_t>(row)];
      if (!self) document += " ; " + above.title;
      for (const std::string& term : above.terms) document += " ; " + term;
      self = false;
    }
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace gantry
