#include "train/tuning_metrics.h"

#include <algorithm>
#include <cmath>

namespace gantry {

TuningMetrics tuning_metrics(std::span<const float> logits, std::span<const Example> examples,
                             int classes) {
  const auto c = static_cast<size_t>(classes);
  std::vector<double> hits(c), given(c), true_count(c);
  TuningMetrics m;
  double n = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].label < 0) continue;
    const std::span<const float> row = logits.subspan(i * c, c);
    const auto best = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const auto label = static_cast<size_t>(examples[i].label);
    double sum = 0;
    for (float x : row) sum += std::exp(static_cast<double>(x) - row[best]);
    m.loss += std::log(sum) - (static_cast<double>(row[label]) - row[best]);
    ++n;
    ++given[best];
    ++true_count[label];
    if (best == label) ++hits[label];
  }
  for (size_t k = 0; k < c; ++k) {
    const double both = given[k] + true_count[k];
    m.f1.push_back(both > 0 ? 2 * hits[k] / both : 0);
    m.sensitivity.push_back(true_count[k] > 0 ? hits[k] / true_count[k] : 0);
    m.macro_f1 += m.f1[k] / static_cast<double>(classes);
    m.accuracy += n > 0 ? hits[k] / n : 0;
  }
  if (n > 0) m.loss /= n;
  return m;
}

}  // namespace gantry
