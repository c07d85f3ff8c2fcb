// What the tuning cases decide about a study's answerer: how much the n-gram ranker weighs beside
// the language model, temperatures, thresholds for abstaining. The test set has no part in it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/progress.h"
#include "report/test_report.h"
#include "workflow/adapter_group.h"
#include "workflow/study_answerer.h"
#include "workflow/training_plan.h"

namespace gantry {

struct AnswererEvidence {
  struct Question {
    AnswerKind kind = AnswerKind::kClosedSet;
    std::vector<RecipeStep> steps;  // each voice alone and joined, on tuning cases
    int64_t cases = 0;
    std::string tuned_on;
    AbstentionThreshold abstention;
    std::string note;
  };
  std::vector<Question> questions;
};

// `folder` holds the adapters; the rankers are fitted, first to what each round trained on for the
// evidence, then to all of training and tuning, and answers.json is written. `about` gets known
// codes, choices and thresholds.
AnswererEvidence weigh_answerer(const TrainingPlan& plan, const std::vector<AdapterGroup>& groups,
                                const std::filesystem::path& folder, StudyAnswererFile& about,
                                const Settings& settings, const ProgressSink& progress);

}  // namespace gantry
