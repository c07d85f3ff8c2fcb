#include "stats/prevalence.h"

#include <cmath>

#include "stats/distributions.h"
#include "stats/proportion.h"

namespace gantry {
namespace {

struct Rates {
  double sensitivity, specificity, n1, n0;
};

double ppv_of(const Rates& r, double p) {
  return p * r.sensitivity / (p * r.sensitivity + (1 - p) * (1 - r.specificity));
}
double npv_of(const Rates& r, double p) {
  return (1 - p) * r.specificity / ((1 - p) * r.specificity + p * (1 - r.sensitivity));
}

void set_interval(Estimate& e, double centre, double variance, double z) {
  if (!std::isfinite(variance) || centre <= 0 || centre >= 1) return;
  const double logit = std::log(centre / (1 - centre)), half = z * std::sqrt(variance);
  e.lower = 1 / (1 + std::exp(half - logit));
  e.upper = 1 / (1 + std::exp(-half - logit));
  // The adjusted interval stands around another centre: the plain value is kept inside.
  e.lower = std::min(e.lower, e.value);
  e.upper = std::max(e.upper, e.value);
  e.has_interval = true;
}

}  // namespace

PredictiveValues predictive_values(int64_t positives_right, int64_t positives,
                                   int64_t negatives_right, int64_t negatives, double p,
                                   double level) {
  const int64_t n = positives + negatives;
  const bool edge = positives_right == 0 || positives_right == positives || negatives_right == 0 ||
                    negatives_right == negatives;
  const std::string method =
      edge ? "adjusted logit (Mercaldo), prevalence given" : "logit (Mercaldo), prevalence given";
  PredictiveValues out{not_defined(n, method), not_defined(n, method)};
  if (positives == 0 || negatives == 0 || !(p >= 0 && p <= 1)) return out;
  const auto share = [](int64_t k, int64_t of, double add) {
    return (static_cast<double>(k) + add) / (static_cast<double>(of) + 2 * add);
  };
  const Rates plain{share(positives_right, positives, 0), share(negatives_right, negatives, 0),
                    static_cast<double>(positives), static_cast<double>(negatives)};
  out.ppv = point_estimate(ppv_of(plain, p), n, method);
  out.npv = point_estimate(npv_of(plain, p), n, method);
  const double z = two_sided_z(level), add = edge ? z * z / 2 : 0;
  const Rates r{share(positives_right, positives, add), share(negatives_right, negatives, add),
                plain.n1 + 2 * add, plain.n0 + 2 * add};
  if (out.ppv.defined)
    set_interval(
        out.ppv, ppv_of(r, p),
        (1 - r.sensitivity) / (r.sensitivity * r.n1) + r.specificity / ((1 - r.specificity) * r.n0),
        z);
  if (out.npv.defined)
    set_interval(
        out.npv, npv_of(r, p),
        r.sensitivity / ((1 - r.sensitivity) * r.n1) + (1 - r.specificity) / (r.specificity * r.n0),
        z);
  return out;
}

Estimate weighted_proportion(std::span<const Stratum> strata, double level) {
  const std::string method = "weighted by known shares, Wilson limits joined (MOVER)";
  double shares = 0, value = 0, below = 0, above = 0;
  int64_t n = 0;
  for (const auto& s : strata) {
    shares += s.share;
    n += s.n;
  }
  for (const auto& s : strata) {
    if (s.share <= 0) continue;
    const Estimate e = wilson(s.count, s.n, level);
    if (!e.defined) return not_defined(n, method);
    const double w = s.share / shares;
    value += w * e.value;
    below += w * w * (e.value - e.lower) * (e.value - e.lower);
    above += w * w * (e.upper - e.value) * (e.upper - e.value);
  }
  if (shares <= 0) return not_defined(n, method);
  Estimate e = point_estimate(value, n, method);
  e.lower = value - std::sqrt(below);
  e.upper = value + std::sqrt(above);
  e.has_interval = true;
  return e;
}

}  // namespace gantry
