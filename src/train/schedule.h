// Learning rates over a run, and over the depth of the model.
#pragma once

#include <cstdint>
#include <string>

#include "train/settings.h"

namespace gantry {

// Factor of the learning rate at `step` (from 0) of `total`, as transformers'
// get_{linear,cosine,constant}_schedule_with_warmup: rises from 0 over `warmup` steps, then falls
// to 0 (linear, cosine) or stays (constant).
double rate_factor(const std::string& schedule, int64_t step, int64_t warmup, int64_t total);

// Rate of the parameters at `depth` of a ParameterTable before the factor: learning_rate *
// layer_decay^(layers - depth), learning_rate for adapters, head_learning_rate for the head.
double rate_at_depth(const FineTuneSettings& settings, int depth, int layers);

}  // namespace gantry
