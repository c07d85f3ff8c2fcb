// Prompts that show what other cases say: the free text of the training case most alike
// ({similar}), which a language model adapts where a nearest-case baseline would only repeat it;
// and the answers of the ranker beside the model ({candidates}), which it weighs against the case's
// text.
#pragma once

#include <span>
#include <vector>

#include "study/cases.h"
#include "text/answer_ranker.h"
#include "workflow/questions.h"

namespace gantry {

// Whether the question's prompt shows {similar} or {candidates}.
bool shows_others(const Settings& settings, AnswerKind kind);

// Fills Case::similar, candidate_labels or candidate_codes of new cases by the study's member for
// that question (RankerRole::kMember).
void show_others(const AnswerRanker& member, AnswerKind kind, const Settings& settings,
                 std::span<Case> cases);

// ... and of the training cases themselves and of tuning cases. What a training case is shown comes
// from cases of other sources (of other patients where there is one source only), as it will be for
// a new clinic's case.
void show_others_in_training(std::span<Case* const> training, std::span<Case* const> tuning,
                             AnswerKind kind, const Settings& settings);

}  // namespace gantry
