// run.json of a study whose model is an Answerer.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "study/study.h"
#include "workflow/adapter_group.h"
#include "workflow/answerer_evidence.h"
#include "workflow/run_identity.h"
#include "workflow/study_answerer.h"
#include "workflow/training_plan.h"

namespace gantry {

// A case whose code was not read as it stands, or not at all.
struct CodeReading {
  std::string id, source;
  std::string code;   // as read; "" left out of the score
  std::string words;  // how and why
};

struct AnswererRun {
  const Study& study;
  const Cases& cases;
  const TrainingPlan& plan;
  const RunIdentity& identity;
  const std::vector<AdapterGroup>& groups;
  const AnswererEvidence& evidence;
  const StudyAnswererFile& about;
  const std::vector<CodeReading>& codes_read;
  const std::vector<std::string>& refused;  // pairs that do not fit the context
  std::string chat;                         // template of the prompts
  double seconds = 0;
};

nlohmann::ordered_json answerer_run_json(const AnswererRun& run);
// Lines for a person.
std::string answerer_summary(const nlohmann::ordered_json& run,
                             const std::filesystem::path& folder);

}  // namespace gantry
