// Test cases answered again by a study's answers: the same settings must give the same answers, and
// texts may also be drawn by chance, to show what sampling would change.
#pragma once

#include <vector>

#include "base/progress.h"
#include "report/test_report.h"
#include "workflow/answer_arms.h"

namespace gantry {

class Store;

// Adds report.repeated: every question test.repeats further times on at most test.repeat_cases
// cases (by lot, test.seed), and test.draws draws of the language model's texts at
// test.draw_temperature, seeds 1, 2, ...
void repeat_answers(StudyAnswerer& answerer, const std::vector<QuestionArms>& questions,
                    const TextJudge& judge, const Settings& settings, TestReport& report,
                    const ProgressSink& progress);

// The robustness section of a study's answers (workflow/robustness.h), every question in it.
ReportSection answers_robustness(const Store& store, StudyAnswerer& answerer,
                                 const std::vector<QuestionArms>& questions,
                                 const std::vector<const Case*>& tests, const TextJudge& judge,
                                 const ProgressSink& progress);

}  // namespace gantry
