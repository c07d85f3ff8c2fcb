// An encoder with a classification head as a Voice: for closed sets, and for codes, of which it can
// give those that it was trained on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "study/settings.h"
#include "workflow/adapter_group.h"
#include "workflow/training_plan.h"
#include "workflow/voice.h"

namespace gantry {

// `folder`: a trained classifier (train/fine_tune.h) with its labels. Errors of Classifier and
// Tokenizer.
std::unique_ptr<Voice> open_encoder_voice(const std::filesystem::path& folder,
                                          const Settings& settings);

// Tunes one classifier for the one question of `group` in all restarts of the plan, writes each as
// `adapters`/NAME-RESTART, and fills in the group. Answers are the groups of the closed set, or the
// codes of the round's training cases. Errors of FineTuner.
void tune_encoder(const std::filesystem::path& base, const TrainingPlan& plan,
                  const Settings& settings, const std::filesystem::path& work_folder,
                  const ProgressSink& progress, AdapterGroup& group);

}  // namespace gantry
