// gantry test of a study whose model is an Answerer: all arms on the test set, and the report.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "base/progress.h"
#include "study/study.h"
#include "workflow/test.h"

namespace gantry {

bool is_answerer_run(const nlohmann::json& run);

// As test() (workflow/test.h), for the finished run in `run_folder`.
TestOutcome test_answerer(const Study& study, const std::filesystem::path& run_folder,
                          const nlohmann::json& run, const ProgressSink& progress);

}  // namespace gantry
