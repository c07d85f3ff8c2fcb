// What every test has, whatever the model: looks at the test set, where the cases come from.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "report/test_report.h"
#include "stats/evaluation.h"
#include "study/study.h"

namespace gantry {

// Every look at a test set is written down before the first answer, so that a test that was broken
// off counts too. Returns the earlier looks at this split.
std::vector<std::string> record_look(const Study& study, const std::string& run,
                                     const std::string& split_hash, const std::string& when);

EvaluationOptions evaluation_options(const Settings& settings);

// A record's other columns as words.
std::vector<std::pair<std::string, std::string>> shown_fields(const std::string& fields_json);

// Names, flow and sets of the study as run.json tells them.
void describe_study(const Study& study, const nlohmann::json& run, TestReport& report);

}  // namespace gantry
