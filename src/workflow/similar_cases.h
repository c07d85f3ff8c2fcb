// Prompts that show the free text of the training case most alike ({similar}): the language model
// then adapts what a nearest-case baseline would only repeat.
#pragma once

#include <span>
#include <vector>

#include "study/cases.h"
#include "text/answer_ranker.h"

namespace gantry {

// Whether settings.prompt.text names {similar}.
bool shows_similar(const Settings& settings);

// Case::similar of new cases, from a nearest-case ranker over the training cases.
void find_similar(const AnswerRanker& nearest, std::span<Case> cases);

// ... and of the training cases themselves and of tuning cases. A training case is shown one of
// another source (of another patient where there is one source only), as a new clinic's case will
// be.
void find_similar_for_training(std::span<Case* const> training, std::span<Case* const> tuning);

}  // namespace gantry
