// The robustness table: the test set answered again with its texts changed, and the test set by
// hospitals and years that training did not see.
#pragma once

#include "base/progress.h"
#include "report/test_report.h"
#include "study/cases.h"
#include "workflow/predictor.h"

namespace gantry {

class Store;

// Answers every test case with its report changed in each of the ways of text_changes.h, through
// the same intake as a new report, and compares case by case with the answers in `report`
// (exact McNemar, Holm over the changes). A report that can no longer be read counts as not right.
ReportSection robustness_section(const Store& store, const Cases& cases, Predictor& predictor,
                                 const TestReport& report, const ProgressSink& progress);

// Accuracy at hospitals that training did not see against those it saw, and in years after the last
// of training against the others: different reports, so unpaired (Newcombe). Part of every test.
ReportTable unseen_table(const Cases& cases, const TestReport& report);

}  // namespace gantry
