// The failures of a study's answers - groups, codes, texts - for the failure browser: with the
// training cases most alike and, of groups and codes, what each clause did for the answer given.
#pragma once

#include <vector>

#include "base/progress.h"
#include "report/test_report.h"
#include "workflow/answer_arms.h"

namespace gantry {

// Groups: fills weighed and neighbours of report.cases (as fill_closed_set left them). Codes and
// texts: adds report.answer_failures; a text fails where TextJudge::right says no. `occluded`: of
// each question's surest failures so many are weighed by occlusion.
void add_answer_failures(StudyAnswerer& answerer, const std::vector<QuestionArms>& questions,
                         const std::vector<const Case*>& training, const TextJudge& judge,
                         int64_t occluded, TestReport& report, const ProgressSink& progress);

// What each case scored, question by question: report.answer_scores of codes and texts.
void add_answer_scores(const std::vector<QuestionArms>& questions, const TextJudge& judge,
                       TestReport& report);

}  // namespace gantry
