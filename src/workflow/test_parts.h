// What every test has, whatever the model: looks at the test set, where the cases come from.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "report/test_report.h"
#include "stats/evaluation.h"
#include "study/cases.h"
#include "study/study.h"
#include "workflow/test.h"

namespace gantry {

// Opens the test set for a run: the folder of the test, and a report that tells of the study, its
// sets and every earlier look. The look is written down before the first answer, so that a test
// that was broken off counts too. Throws E0731 where the run was trained with another split.
TestOutcome begin_test(const Study& study, const std::filesystem::path& run_folder,
                       const nlohmann::json& run, const Cases& cases);

// What the study calls itself, its question and its groups, as study.toml and the task stand now: a
// report that is written again takes them anew. Synthetic data stay synthetic.
void name_things(const Study& study, TestReport& report);

EvaluationOptions evaluation_options(const Settings& settings);

// A record's other columns as words.
std::vector<std::pair<std::string, std::string>> shown_fields(const std::string& fields_json);

// A model against another on the same cases: discordant pairs with McNemar's exact test, and paired
// differences by a bootstrap over patients.
BaselineComparison comparison_of(const std::string& name, const Predictions& model,
                                 const Predictions& other, const BootstrapOptions& bootstrap);

}  // namespace gantry
