// gantry compare: runs that were tested on the same test set, compared case by case.
#pragma once

#include <string>
#include <vector>

#include "report/page.h"
#include "report/test_report.h"
#include "study/study.h"

namespace gantry {

struct RunComparison {
  PlainPage page;
  std::vector<ReportSection> sections;
};

// Reads the stored test of each run. Error E0733: a run was not tested; E0785: fewer than two runs,
// or one named twice; E0786: their test sets differ, naming how.
RunComparison compare_runs(const Study& study, const std::vector<std::string>& runs);

// The same of tests that were read already.
std::vector<ReportSection> compared_sections(const std::vector<TestReport>& tests);
// Error E0786 unless all hold the same cases with the same reference labels, in whatever order;
// brings the cases of all into the order of the first.
void align_tests(std::vector<TestReport>& tests);

}  // namespace gantry
