// One AdamW step over a parameter table: clipping, rates by depth, decay by kind.
#pragma once

#include <cstdint>

#include "models/parameters.h"
#include "train/settings.h"

namespace gantry {

struct UpdateStep {
  int64_t number = 1;  // from 1
  double rate_factor = 1;
  double gradient_norm = 0;
};

struct UpdateArrays {
  float* weights = nullptr;  // the whole table
  // Of the trainable part, from the offset `from` on.
  const float* gradients = nullptr;
  float *m = nullptr, *v = nullptr;
};

// Reads learning rates, decay, betas, epsilon and clip_norm of `settings`. Returns what the step
// does to a word row without a gradient or moments: 1 - rate x decay (1 where the table is frozen).
double update_parameters(const ParameterTable& table, int64_t from,
                         const FineTuneSettings& settings, const UpdateStep& step,
                         const UpdateArrays& arrays);

}  // namespace gantry
