// PairTuneResult as JSON and back, every number to the bit.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/pair_tuning.h"

namespace gantry {

nlohmann::json pair_result_to_json(const PairTuneResult& result);
PairTuneResult pair_result_from_json(const nlohmann::json& json);

}  // namespace gantry
