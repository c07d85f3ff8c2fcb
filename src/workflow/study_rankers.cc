#include "workflow/study_rankers.h"

#include <algorithm>

#include "stats/bootstrap.h"
#include "study/case_making.h"
#include "study/data_folder.h"
#include "study/study_codes.h"
#include "text/code_ranker.h"
#include "workflow/predictor.h"

namespace gantry {
namespace {

NgramRankerOptions ngram_ranker_options(AnswerKind kind, const Settings& settings) {
  // Characters within words read a clinic's shorthand better than words do (docs/recipe.md), at ten
  // times the cost, which hundreds of codes do not repay.
  return {.unit = kind == AnswerKind::kCodes ? NgramUnit::kWord : NgramUnit::kCharacterInWord,
          .c = settings.tfidf.c > 0 ? settings.tfidf.c : 100};
}

}  // namespace

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
  return train_ngram_ranker(cases.texts, cases.answers, ngram_ranker_options(kind, settings));
}

const std::string& member_text(const Case& item, AnswerKind kind, const Settings& settings) {
  return kind == AnswerKind::kClosedSet ? ngram_member_text(item, settings) : item.baseline_text;
}

bool member_is_ngrams(AnswerKind kind, const Settings& settings) {
  return (kind == AnswerKind::kClosedSet && settings.tfidf.blocks.empty()) ||
         (kind == AnswerKind::kCodes && settings.codes.concepts.empty());
}

std::unique_ptr<AnswerRanker> train_member(std::span<const Case* const> of, AnswerKind kind,
                                           const Settings& settings) {
  RankerCases cases = ranker_cases(of, kind);
  for (size_t i = 0; i < of.size(); ++i) cases.texts[i] = member_text(*of[i], kind, settings);
  if (kind == AnswerKind::kText)
    return train_nearest_case(cases.texts, cases.answers, Likeness::kWordsAndCharacters);
  if (std::all_of(cases.answers.begin(), cases.answers.end(),
                  [&](const std::string& one) { return one == cases.answers[0]; }))
    return train_majority(cases.answers);
  if (member_is_ngrams(kind, settings)) return train_ngrams(cases, kind, settings);
  if (kind == AnswerKind::kClosedSet) {
    NgramRankerOptions options = ngram_ranker_options(kind, settings);
    options.blocks.clear();
    for (const std::string& entry : settings.tfidf.blocks) {
      const TfidfBlock block = tfidf_block(entry);
      options.blocks.push_back(
          {.concepts = block.part.ends_with(kConceptsPart), .weight = block.weight});
    }
    return train_ngram_ranker(cases.texts, cases.answers, options);
  }
  const auto codes = open_study_codes(settings);
  return train_code_ranker(cases.texts, cases.answers, cases.clinics, codes->whole, codes->allowed,
                           CodeConcepts::load(data_file("tasks/" + settings.codes.concepts)));
}

}  // namespace gantry
