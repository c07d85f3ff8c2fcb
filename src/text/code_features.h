// Features of a pair (diagnosis, code), for text/code_ranker.cc: what the two have in common by
// concepts, by the title's words, and by the training cases that had the code or its category.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/case_index.h"
#include "text/code_concepts.h"
#include "text/code_list.h"

namespace gantry {

// Training cases by TF-IDF, with their codes as rows of the candidates.
struct CodedCases {
  CaseIndex index;
  std::vector<int32_t> code;  // [cases]
};

class CodeFeatures {
 public:
  static constexpr int kCount = 3 * kConceptKinds + 9;

  // `documents` holds each candidate's title with its parents' titles and terms (code_documents).
  CodeFeatures(const CodeList& candidates, std::vector<std::string> documents,
               const CodeConcepts& concepts);

  size_t codes() const { return parts_.size(); }
  // [codes][kCount]
  std::vector<float> of(std::string_view text, const ConceptReading& reading,
                        const CodedCases& cases) const;
  const std::vector<std::string>& documents() const { return documents_; }
  std::span<const int32_t> concepts_of(size_t code) const { return parts_[code].concepts; }

 private:
  struct Candidate {
    std::vector<int32_t> concepts;
    int32_t category = 0;
    bool overlapping = false, unspecified = false;
  };
  struct Category {
    std::vector<int32_t> parts;  // part concepts that any of its codes carries
  };
  struct Siblings {  // of a category in one text
    double said = 0, early = 0;
  };
  std::vector<Siblings> siblings_in(const ConceptReading& reading) const;
  void add_concepts(const ConceptReading& reading, size_t code, float* row) const;
  void add_structure(const ConceptReading& reading, const Siblings& siblings, size_t code,
                     float* row) const;
  void add_cases(std::string_view text, const CodedCases& cases, std::span<float> rows) const;

  const CodeConcepts& concepts_;
  std::vector<std::string> documents_;
  CaseIndex titles_;
  std::vector<Candidate> parts_;
  std::vector<Category> categories_;
  std::vector<double> idf_;  // of concepts over the candidates
  int32_t right_ = -1, left_ = -1;
};

// A candidate's title twice, its terms, and the titles and terms of what stands above it in
// `whole`.
std::vector<std::string> code_documents(const CodeList& candidates, const CodeList& whole);

}  // namespace gantry
