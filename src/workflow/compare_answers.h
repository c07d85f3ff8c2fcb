// Runs compared in what their answers of codes and texts scored, case by case.
#pragma once

#include <vector>

#include "report/test_report.h"

namespace gantry {

// Adds a table of every pair of runs for each score that all of them have; nothing where there is
// none. Error E0786: their cases are not the same.
void compare_answer_scores(const std::vector<TestReport>& tests, ReportSection& section);

}  // namespace gantry
