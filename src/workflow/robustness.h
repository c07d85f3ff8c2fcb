// The robustness table: the test set answered again with its texts changed, and the test set by
// hospitals and years that training did not see.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "report/test_report.h"
#include "study/cases.h"
#include "workflow/predictor.h"

namespace gantry {

class Store;

// One question of a test, for answers of any kind.
struct RobustQuestion {
  Words name;                       // "codes"; empty where there is one question only
  std::vector<size_t> of;           // its cases among all that are changed
  std::vector<std::string> before;  // [of] answers to the reports as they came
  std::function<bool(size_t, const std::string&)> right;  // place in `of`, an answer to it
};
// Answers to changed cases: [questions][cases].
using AnswersAgain = std::function<std::vector<std::vector<std::string>>(std::span<const Case>)>;
// `cases` as they were tested, `settings` those of the model.
ReportSection robustness_section(const Store& store, const Settings& settings,
                                 const std::vector<const Case*>& cases,
                                 const std::vector<RobustQuestion>& questions,
                                 const AnswersAgain& answer, const ProgressSink& progress);

// Of a classifier: answers every test case with its report changed in each of the ways of
// text_changes.h, through the same intake as a new report, and compares case by case with the
// answers in `report` (exact McNemar, Holm over the changes). A report that can no longer be read
// counts as not right.
ReportSection robustness_section(const Store& store, const Cases& cases, Predictor& predictor,
                                 const TestReport& report, const ProgressSink& progress);

// Accuracy at hospitals that training did not see against those it saw, and in years after the last
// of training against the others: different reports, so unpaired (Newcombe). Part of every test.
ReportTable unseen_table(const Cases& cases, const TestReport& report);

}  // namespace gantry
