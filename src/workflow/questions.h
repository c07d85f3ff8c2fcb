// What a study asks of a case, as the workflow handles it: one question of each kind at most
// (settings.study.answers). A model is asked what it can answer, not what it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "study/cases.h"
#include "study/settings.h"

namespace gantry {

enum class AnswerKind { kClosedSet, kCodes, kText };

std::string_view word_of(AnswerKind kind);  // "closed-set", "codes", "text": as in study.answers
std::vector<AnswerKind> questions_of(const Settings& settings);  // in the order of study.answers

// The reference answer of a case to one question; "" where it has none.
const std::string& reference_answer(const Case& item, AnswerKind kind);
// Whether a case has a reference answer to one of the study's questions.
bool is_answered(const Case& item, const Settings& settings);

}  // namespace gantry
