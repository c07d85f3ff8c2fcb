// Agreement between readers: Cohen's kappa for two, Fleiss, Krippendorff and Gwet for any number.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/confusion.h"
#include "stats/estimate.h"

namespace gantry {

// Credit for a near miss between groups i and j of k: none; 1 - |i - j| / (k - 1); 1 - (that)^2.
enum class AgreementWeights { kNone, kLinear, kQuadratic };

// k x k, row-major; 1 on the diagonal.
std::vector<double> agreement_weights(int classes, AgreementWeights weights);

// Cohen's (weighted) kappa of a square table, row: first reader (Cohen, Psychol Bull 1968;70:213),
// with the large-sample standard error of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323).
// Not defined when both readers used one and the same group only.
Estimate cohen_kappa(const ConfusionMatrix& table,
                     AgreementWeights weights = AgreementWeights::kNone, double level = 0.95);

// Readings of n cases: counts is n x classes, row-major; how many readers put the case in the
// group. Cases may have different numbers of readings; none are filled in.
struct Readings {
  int classes = 0;
  std::vector<int32_t> counts;
  int64_t cases() const { return classes > 0 ? static_cast<int64_t>(counts.size()) / classes : 0; }
};
// reading[case * readers + reader] = group, or -1 where there is none.
Readings count_readings(int classes, int readers, std::span<const int> reading);

// All three: chance-corrected agreement (p_a - p_e) / (1 - p_e) with the linearised variance over
// cases and t quantiles of Gwet (Handbook of Inter-Rater Reliability, 4th ed. 2014, ch. 5). p_a is
// over the cases with two readings or more. n is that number of cases (Fleiss, Gwet: all read cases
// for the margins).
Estimate fleiss_kappa(const Readings& readings, AgreementWeights weights = AgreementWeights::kNone,
                      double level = 0.95);
// Gwet's AC1 (AC2 with weights): Br J Math Stat Psychol 2008;61:29. `classes` counts groups that
// nobody used, too.
Estimate gwet_ac(const Readings& readings, AgreementWeights weights = AgreementWeights::kNone,
                 double level = 0.95);
// Krippendorff's alpha; kNone: nominal, kQuadratic: interval data.
Estimate krippendorff_alpha(const Readings& readings,
                            AgreementWeights weights = AgreementWeights::kNone,
                            double level = 0.95);

}  // namespace gantry
