#include "workflow/study_rankers.h"

#include <algorithm>

#include "stats/bootstrap.h"
#include "study/data_folder.h"
#include "study/study_codes.h"
#include "text/code_ranker.h"

namespace gantry {

RankerCases ranker_cases(std::span<const Case* const> cases, AnswerKind kind) {
  RankerCases out;
  std::vector<std::string> sources, patients;
  for (const Case* item : cases) {
    out.texts.push_back(item->baseline_text);
    out.answers.push_back(reference_answer(*item, kind));
    sources.push_back(item->source);
    patients.push_back(item->patient);
  }
  const bool several = std::any_of(sources.begin(), sources.end(),
                                   [&](const std::string& one) { return one != sources[0]; });
  out.clinics = number_clusters(several ? sources : patients);
  return out;
}

std::unique_ptr<AnswerRanker> train_ngrams(const RankerCases& cases, AnswerKind kind,
                                           const Settings& settings) {
  // Characters within words read a clinic's shorthand better than words do (docs/recipe.md), at ten
  // times the cost, which hundreds of codes do not repay.
  return train_ngram_ranker(
      cases.texts, cases.answers,
      {.unit = kind == AnswerKind::kCodes ? NgramUnit::kWord : NgramUnit::kCharacterInWord,
       .c = settings.tfidf.c > 0 ? settings.tfidf.c : 100});
}

bool member_is_ngrams(AnswerKind kind, const Settings& settings) {
  return kind == AnswerKind::kClosedSet ||
         (kind == AnswerKind::kCodes && settings.codes.concepts.empty());
}

std::unique_ptr<AnswerRanker> train_member(const RankerCases& cases, AnswerKind kind,
                                           const Settings& settings) {
  if (kind == AnswerKind::kText)
    return train_nearest_case(cases.texts, cases.answers, Likeness::kWordsAndCharacters);
  if (std::all_of(cases.answers.begin(), cases.answers.end(),
                  [&](const std::string& one) { return one == cases.answers[0]; }))
    return train_majority(cases.answers);
  if (member_is_ngrams(kind, settings)) return train_ngrams(cases, kind, settings);
  const auto codes = open_study_codes(settings);
  return train_code_ranker(cases.texts, cases.answers, cases.clinics, codes->whole, codes->allowed,
                           CodeConcepts::load(data_file("tasks/" + settings.codes.concepts)));
}

}  // namespace gantry
