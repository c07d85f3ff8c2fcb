// Proportions and their differences, with intervals.
#pragma once

#include <cstdint>

#include "stats/estimate.h"

namespace gantry {

// count / n with the score interval of Wilson (J Am Stat Assoc 1927;22:209). n = 0: not defined.
Estimate wilson(int64_t count, int64_t n, double level = 0.95);

// count / n with the exact interval of Clopper and Pearson (Biometrika 1934;26:404): beta
// quantiles.
Estimate clopper_pearson(int64_t count, int64_t n, double level = 0.95);

// The one-sided Clopper-Pearson upper bound at `confidence`: the largest rate that still gives
// `count` or fewer of n with probability 1 - confidence. 1 when n = 0.
double clopper_pearson_upper(int64_t count, int64_t n, double confidence);

// p1 - p2 of two independent proportions, with Newcombe's hybrid score interval (Stat Med
// 1998;17:873, method 10: Wilson limits, without continuity correction).
Estimate newcombe_difference(int64_t count1, int64_t n1, int64_t count2, int64_t n2,
                             double level = 0.95);

// Pairs: both positive, only the first, only the second, neither.
struct PairedCounts {
  int64_t both = 0, first_only = 0, second_only = 0, neither = 0;
  int64_t n() const { return both + first_only + second_only + neither; }
};

// p1 - p2 = (first_only - second_only) / n with Newcombe's interval for paired data (Stat Med
// 1998;17:2635, method 10: Wilson limits joined through the phi coefficient, corrected as there).
Estimate newcombe_paired_difference(const PairedCounts& pairs, double level = 0.95);

// The same difference with the asymptotic score interval of Tango (Stat Med 1998;17:891); the
// inversion of the score test, used for non-inferiority.
Estimate tango_paired_difference(const PairedCounts& pairs, double level = 0.95);

// Non-inferiority of the first to the second: H0 p1 - p2 <= -margin against H1 p1 - p2 > -margin,
// by Tango's score statistic at the difference -margin, one-sided (Stat Med 1998;17:891, section
// 3; margin 0 gives McNemar's z without correction). n is the number of pairs. Not defined without
// pairs or without any variance at that difference.
TestResult tango_noninferiority(const PairedCounts& pairs, double margin);

}  // namespace gantry
