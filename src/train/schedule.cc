#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gantry {

double rate_factor(const std::string& schedule, int64_t step, int64_t warmup, int64_t total) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(warmup);
  if (schedule == "constant") return 1;
  const double progress = static_cast<double>(step - warmup) /
                          static_cast<double>(std::max<int64_t>(1, total - warmup));
  if (schedule == "cosine") return 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, progress)));
  return std::max(0.0, 1 - progress);
}

double rate_at_depth(const FineTuneSettings& s, int depth, int layers) {
  if (depth > layers + 1 && s.head_learning_rate > 0) return s.head_learning_rate;
  if (depth > layers) return s.learning_rate;
  return s.learning_rate * std::pow(s.layer_decay, layers - depth);
}

}  // namespace gantry
