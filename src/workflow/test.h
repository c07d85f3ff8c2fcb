// gantry test: the trained classifier on the test set, with baselines beside it; every look at the
// set is recorded.
#pragma once

#include <filesystem>
#include <string>

#include "base/progress.h"
#include "report/test_report.h"
#include "study/study.h"

namespace gantry {

struct TestOutcome {
  std::filesystem::path folder;  // STUDY/tests/RUN
  TestReport report;
};

// Tests run `run` (the latest when empty), writes metrics.json, tables, plots and report.html, and
// records the look in STUDY/tests/looks.jsonl before the first prediction. Errors: E0721 no run;
// E0731 the test set changed since the run was trained; E0514 no labelled test case.
TestOutcome test(const Study& study, const std::string& run, const ProgressSink& progress);

// Writes report.html and its tables again from the stored result of the latest test. Error E0733:
// nothing was tested.
std::filesystem::path rewrite_report(const Study& study, const std::string& run);

}  // namespace gantry
