#include "stats/estimate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "stats/distributions.h"

namespace gantry {

Estimate not_defined(int64_t n, std::string method) {
  Estimate e;
  e.n = n;
  e.method = std::move(method);
  return e;
}

Estimate point_estimate(double value, int64_t n, std::string method) {
  Estimate e = not_defined(n, std::move(method));
  if (!std::isfinite(value)) return e;
  e.value = value;
  e.defined = true;
  return e;
}

Estimate wald_estimate(double value, double standard_error, int64_t n, std::string method,
                       double lowest, double highest, double level) {
  Estimate e = point_estimate(value, n, std::move(method));
  if (!e.defined || !std::isfinite(standard_error)) return e;
  const double half = two_sided_z(level) * standard_error;
  e.lower = std::max(lowest, value - half);
  e.upper = std::min(highest, value + half);
  e.has_interval = true;
  return e;
}

}  // namespace gantry
