// Ranks every code of an allowed list for a diagnosis, also codes that no training case had: the
// member beside the language model, and the baseline that it must beat.
//
//   auto ranker = train_code_ranker(texts, codes, clinics, whole, allowed, concepts);
//   ranker->rank("R breast IDC, UOQ ...", 5)   // probabilities over the whole allowed list
//
// Each pair of diagnosis and code has some thirty features (text/code_features.h): concepts of
// side, organ, part, nature and histology that both name, words of the title, the nearest training
// cases of the code and of its category. Their weights are a conditional logit, fitted on cases of
// each clinic with the nearest cases taken from the other clinics alone, so that it learns how far
// to trust them at a clinic never seen. docs/recipe.md has the measurements.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "text/answer_ranker.h"
#include "text/code_concepts.h"
#include "text/code_list.h"

namespace gantry {

struct CodeRankerOptions {
  double penalty = 3;  // on the weights, see stats/conditional_logit.h
  int folds = 5;       // where fewer than three groups are given
};

// `codes` are the cases' codes in any form; cases whose code is not in `allowed` are left out.
// `groups` numbers each case's clinic (or patient, where there is one clinic). E0654 when fewer
// than ten cases are left. `concepts` is taken over.
std::unique_ptr<AnswerRanker> train_code_ranker(std::span<const std::string> texts,
                                                std::span<const std::string> codes,
                                                std::span<const int32_t> groups,
                                                const CodeList& whole, const CodeList& allowed,
                                                CodeConcepts concepts,
                                                const CodeRankerOptions& options = {});

// Lexical baseline over the allowed list: the cosine of a diagnosis to each code's title, its terms
// and its parents'. Knows no training case.
std::unique_ptr<AnswerRanker> code_title_matcher(const CodeList& whole, const CodeList& allowed);

}  // namespace gantry
