// gantry predict of a study whose model is an Answerer: drafts of texts with their fields and
// marks, ranked groups and codes.
#pragma once

#include <filesystem>

#include "workflow/predict.h"
#include "workflow/study_answerer.h"

namespace gantry {

// As predict() (workflow/predict.h). A line holds id, source, text_hash, and, of a study with one
// question, label (group or code) with probabilities or codes, or text with fields and flags; with
// several questions label (group), code and text, and each answer in full under the name of its
// column (modality, icd10, regimen).
PredictReport predict_by_answerer(const Study& study, const std::filesystem::path& run,
                                  const PredictOptions& options, const ProgressSink& progress);

}  // namespace gantry
