// The rankers that stand beside a study's model and in its prompts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "study/cases.h"
#include "study/settings.h"
#include "text/answer_ranker.h"
#include "workflow/questions.h"

namespace gantry {

// Texts and reference answers to one question, as rankers learn them.
struct RankerCases {
  std::vector<std::string> texts, answers;
  std::vector<int32_t> clinics;  // each case's, or its patient where there is one clinic only
};
RankerCases ranker_cases(std::span<const Case* const> cases, AnswerKind kind);

// What the member reads of a case: of groups tfidf.blocks where there are any, else the baseline's
// text.
const std::string& member_text(const Case& item, AnswerKind kind, const Settings& settings);
// Whether the member of the study's answers is no other than the n-gram ranker.
bool member_is_ngrams(AnswerKind kind, const Settings& settings);
// The member of the study's answers (RankerRole::kMember): of groups n-grams and the concepts among
// tfidf.blocks, of codes n-grams, titles and concepts, of texts the nearest cases by words and
// characters. Where all cases answer alike: that answer. It is asked about member_text().
std::unique_ptr<AnswerRanker> train_member(std::span<const Case* const> cases, AnswerKind kind,
                                           const Settings& settings);
// TF-IDF + logistic regression as the test's baseline: it reads the baseline's text.
std::unique_ptr<AnswerRanker> train_ngrams(const RankerCases& cases, AnswerKind kind,
                                           const Settings& settings);

}  // namespace gantry
