// The order in which an epoch visits the training set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/example.h"

namespace gantry {

// A permutation of [0, examples.size()), a function of the arguments alone. even_steps: within each
// run of 8 steps, long and short reports are dealt so that steps have like token counts.
std::vector<size_t> epoch_order(std::span<const Example> examples, uint64_t seed, int epoch,
                                int batch_reports, bool even_steps);

}  // namespace gantry
