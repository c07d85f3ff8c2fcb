// gantry train: a study's training and tuning sets, a base model, several restarts; a predictor
// comes out.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/progress.h"
#include "study/cases.h"
#include "study/study.h"
#include "train/fine_tune.h"

namespace gantry {

struct TrainReport {
  std::string run;               // "run-1a2b3c4d": the same data, settings and base give the same
  std::filesystem::path folder;  // STUDY/runs/RUN
  bool was_done = false;         // trained before with the same data, settings and base
  std::string summary;           // lines for a person
};

// Trains, or goes on with, the run that the study's settings describe. run.json in the run's folder
// holds all figures. Errors: of the study, the base model and FineTuner; E0103 when another
// training is at work in this study.
TrainReport train(const Study& study, const ProgressSink& progress);

// The run `name`, or the latest finished one when empty. Error E0721: there is none.
std::filesystem::path find_run(const Study& study, const std::string& name);
// The study as it was when the run was trained: with the `key=value` words given then, and today's
// after them.
Study study_of_run(const Study& study, const nlohmann::json& run);
nlohmann::json read_run(const std::filesystem::path& run_folder);

}  // namespace gantry
