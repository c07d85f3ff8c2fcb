#include "train/update.h"

#include <algorithm>

#include "ops/adamw.h"
#include "train/schedule.h"

namespace gantry {

double update_parameters(const ParameterTable& table, int64_t from,
                         const FineTuneSettings& settings, const UpdateStep& step,
                         const UpdateArrays& arrays) {
  double scale = 1;  // torch.nn.utils.clip_grad_norm_
  if (settings.clip_norm > 0)
    scale = std::min(1.0, settings.clip_norm / (step.gradient_norm + 1e-6));
  const AdamW how{.beta1 = static_cast<float>(settings.beta1),
                  .beta2 = static_cast<float>(settings.beta2),
                  .eps = static_cast<float>(settings.epsilon),
                  .step = step.number,
                  .gradient_scale = static_cast<float>(scale)};
  double untouched = 1;
  for (const ParameterRange& r : table.ranges(from)) {
    const double rate =
        rate_at_depth(settings, r.depth, table.adapter_depth() - 1) * step.rate_factor;
    const double decay = r.decays ? settings.weight_decay : 0;
    const int64_t at = r.begin - from;
    adamw_step(how, static_cast<float>(rate), static_cast<float>(decay), r.end - r.begin,
               arrays.weights + r.begin, arrays.gradients + at, arrays.m + at, arrays.v + at);
    if (r.begin == table.embedding().word) untouched = 1 - rate * decay;
  }
  return untouched;
}

}  // namespace gantry
