// The parts of a report, made of what a test found: each of these reads a TestReport and returns
// words, tables and charts. Parts for which the test holds nothing are left out.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "report/test_report.h"

namespace gantry {

// All parts, in the order of the page; the failures (failure_browser.h) stand before "data".
std::vector<ReportSection> report_sections(const TestReport& report);

// The single ones. Those that compare cases need `cases`, those of a classifier `classifiers`.
ReportSection results_section(const TestReport& report);
ReportSection baselines_section(const TestReport& report);
ReportSection prevalence_section(const TestReport& report);
ReportSection ranking_section(const TestReport& report);      // ROC, precision-recall
ReportSection calibration_section(const TestReport& report);  // reliability, abstention
ReportSection subgroups_section(const TestReport& report);    // forest plot, error by length
ReportSection readers_section(const TestReport& report);
ReportSection ratings_section(const Ratings& ratings, const BootstrapOptions& bootstrap);
ReportSection scores_section(const TestReport& report);  // TestedCase::scores
ReportSection data_section(const TestReport& report);    // flow, sets
ReportSection training_section(const TestReport& report);
ReportSection answering_section(const TestReport& report);  // prompt, settings, repeats, looks
ReportSection methods_section(const TestReport& report);
std::vector<ReportSection> checklist_sections(const TestReport& report);
ReportSection model_card_section(const TestReport& report);

// Histogram of paired differences (tuned - original), 21 bins about 0: of arms or of runs.
Chart score_shift_chart(const std::string& name, const Words& what,
                        std::span<const double> differences);

// Small things they share.
Words group_words(const TestReport& report, int group);  // "1 progressive" / "1 骨転移 進行"
// Patients as numbers from 0, in the order of the cases.
std::vector<int32_t> patients_of(const TestReport& report);
// The bootstrap the test was made with.
BootstrapOptions bootstrap_of(const TestReport& report);
const TestedClassifier* model_of(const TestReport& report);  // nullptr: none

}  // namespace gantry
