// The study's settings as the engine's: study.toml on the one side, FineTuner on the other.
#pragma once

#include <vector>

#include "models/example.h"
#include "study/settings.h"
#include "train/settings.h"
#include "weights/model_folder.h"

namespace gantry {

// `training` gives the class weights of train.class_weights = "balanced"; `base` the pooling of
// model.pooling = "auto".
FineTuneSettings fine_tune_settings(const Settings& settings, const ModelFolder& base,
                                    const std::vector<Example>& training);

}  // namespace gantry
