// What figures of an under-sampled test set become at another prevalence, from counts alone.
// (evaluation.h does the same from cases, by bootstrap.)
#pragma once

#include <cstdint>
#include <span>

#include "stats/estimate.h"

namespace gantry {

struct PredictiveValues {
  Estimate ppv, npv;
};
// PPV = p Se / (p Se + (1 - p)(1 - Sp)), NPV = (1 - p) Sp / ((1 - p) Sp + p (1 - Se)) at the
// prevalence p, which is taken as known. Se = positives_right / positives, Sp = negatives_right /
// negatives. Intervals on the logit scale by the delta method (Mercaldo, Lau and Zhou, Stat Med
// 2007;26:2170): var logit PPV = (1 - Se) / (Se n1) + Sp / ((1 - Sp) n0), var logit NPV =
// Se / ((1 - Se) n1) + (1 - Sp) / (Sp n0). Where Se or Sp is 0 or 1 the interval is that of the
// counts with z^2 / 2 added to each cell (their adjusted logit interval), the value stays the plain
// one, and `method` says so. Not defined: no positives or no negatives, p outside [0, 1], or an
// empty denominator. At p = 0 or 1 there is no interval. n: positives + negatives.
PredictiveValues predictive_values(int64_t positives_right, int64_t positives,
                                   int64_t negatives_right, int64_t negatives, double prevalence,
                                   double level = 0.95);

// count / n of one group of a stratified sample, and the group's share in nature.
struct Stratum {
  int64_t count = 0, n = 0;
  double share = 0;
};
// sum of share_g * count_g / n_g (accuracy at natural prevalence: the groups' sensitivities), with
// the interval of Zou and Donner (Stat Med 2008;27:1693; "MOVER"): value -+ the root of the sum of
// squares of share_g times the distance to the Wilson limit of group g. Shares are scaled to sum 1.
// Not defined where a group with a share above 0 has no case. n: all cases.
Estimate weighted_proportion(std::span<const Stratum> strata, double level = 0.95);

}  // namespace gantry
