// Parts of run.json and metrics.json, written the same way everywhere.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "stats/abstention.h"
#include "stats/estimate.h"
#include "study/cases.h"
#include "train/fine_tune.h"

namespace gantry {

std::string utc_now();  // "2026-11-26T01:40:00Z"

// {"value", "lower", "upper", "n", "count", "method"}; "value": null when not defined.
nlohmann::ordered_json estimate_json(const Estimate& estimate);
Estimate estimate_from_json(const nlohmann::json& json);
nlohmann::ordered_json abstention_json(const AbstentionThreshold& abstention);
AbstentionThreshold abstention_from_json(const nlohmann::json& json);
nlohmann::ordered_json restart_json(const RestartResult& result, const std::string& tuned_on,
                                    int64_t training, int64_t tuning, bool chosen);
nlohmann::ordered_json sets_json(const Cases& cases);
nlohmann::ordered_json flow_json(const Cases& cases);

}  // namespace gantry
