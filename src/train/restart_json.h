// RestartResult as JSON and back, every number to the bit.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/fine_tune.h"

namespace gantry {

nlohmann::json restart_to_json(const RestartResult& result);
RestartResult restart_from_json(const nlohmann::json& json);

}  // namespace gantry
