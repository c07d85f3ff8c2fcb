// gantry model export: the tuned classifier as a Hugging Face folder for other programs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"

namespace gantry {

struct ExportReport {
  std::string opens_as;  // "BertForSequenceClassification", or "AutoModel (see its README)"
  std::vector<std::string> notes;  // what the folder leaves out: members, the TF-IDF member, ...
};

// Copies the run's encoder(s) into the new folder `out`: one encoder there, several in member-0,
// member-1, ...; with mean pooling a README shows how to get the same logits. Errors E0721, E0751
// (`out` exists).
ExportReport export_classifier(const std::filesystem::path& study_folder, const std::string& run,
                               const std::filesystem::path& out, const ProgressSink& progress);

}  // namespace gantry
