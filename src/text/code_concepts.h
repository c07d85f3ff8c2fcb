// Concepts: what a diagnosis and a code's title may both speak of (side, organ, part of it, nature,
// histology), each with the patterns that name it in a clinician's shorthand and in a title. Data:
// tasks/icd10-concepts.tsv. They let a code be found that no training case ever had.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace gantry {

enum class ConceptKind { kSide, kNature, kSite, kPart, kHistology, kOther };
inline constexpr int kConceptKinds = 6;

// What a text names. One entry a concept.
struct ConceptReading {
  std::vector<uint8_t> named;  // anywhere
  std::vector<uint8_t> said;   // outside negated and historical clauses
  std::vector<double> early;   // exp(-byte / 100) of the first such mention, 0 without one
};

class CodeConcepts {
 public:
  // Lines "kind<tab>name<tab>pattern in a text<tab>pattern in "CODE title"" (PCRE2, case ignored;
  // the last may be left out when it is the same). The kind "unsaid" holds patterns of clauses that
  // deny or look back. "#" begins a remark. E0379 with file and line.
  static CodeConcepts load(const std::filesystem::path& file);
  static CodeConcepts parse(std::string_view tsv, const std::string& label);

  size_t size() const { return concepts_.size(); }
  ConceptKind kind(size_t c) const { return concepts_[c].kind; }
  const std::string& name(size_t c) const { return concepts_[c].name; }
  int32_t find(std::string_view name) const;  // -1: none

  ConceptReading read(std::string_view text) const;
  std::vector<int32_t> in_title(std::string_view code_and_title) const;  // ascending
  const std::string& source() const { return source_; }                  // the table's text

 private:
  struct Concept {
    ConceptKind kind;
    std::string name;
    Pattern in_text, in_title;
  };
  std::vector<Concept> concepts_;
  std::vector<Pattern> unsaid_;
  std::string source_;
};

}  // namespace gantry
