// Occlusion: what each clause of a text did for an answer, told by leaving it out. Exact for any
// model that gives probabilities, whatever is inside; it costs one answer a clause.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "report/test_report.h"
#include "study/cases.h"

namespace gantry {

// The clauses of `text` as byte ranges without surrounding white space, at most `most` of them:
// neighbouring ones are joined, the shortest first. Fewer than three clauses are cut into words.
std::vector<std::pair<size_t, size_t>> clauses_to_leave_out(std::string_view text, size_t most);

// The probability of one and the same answer for each case; NaN where there is none.
using AnswerProbability = std::function<std::vector<double>(std::span<const Case>)>;

// ln p(answer) - ln p(answer without the clause), scaled so that the largest size is 1; clauses
// below 0.08 of it are left out. A clause is taken out of Case::text and, where it stands there
// word for word, of Case::baseline_text. Empty where the text has one clause of one word.
std::vector<WeighedSpan> weigh_by_occlusion(const Case& item, const AnswerProbability& probability);

}  // namespace gantry
