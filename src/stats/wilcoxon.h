// Wilcoxon's signed-rank test for paired scores or times, and the shift it goes with.
#pragma once

#include <cstdint>
#include <span>

#include "stats/estimate.h"

namespace gantry {

enum class Alternative { kTwoSided, kGreater, kLess };  // of the first sample against the second

enum class ZeroRule {
  kWilcox,  // pairs without difference are left out (Wilcoxon 1945)
  kPratt,   // ranked with the others, then left out (Pratt, J Am Stat Assoc 1959;54:655)
  kZsplit,  // ranked, and half their ranks given to each side
};

enum class SignedRankMethod {
  kAuto,    // exact up to n = 50 without ties and zeros, else normal
  kExact,   // the distribution for untied ranks (exact only without ties and zeros)
  kNormal,  // normal approximation with tie correction
};

struct SignedRankOptions {
  Alternative alternative = Alternative::kTwoSided;
  ZeroRule zeros = ZeroRule::kWilcox;
  SignedRankMethod method = SignedRankMethod::kAuto;
  bool continuity_correction = false;
};

// Differences first - second. The statistic is the sum of the positive ranks (kGreater, kLess) or
// the smaller of the two sums (kTwoSided), as in scipy.stats.wilcoxon. Not defined when nothing is
// left to rank. n counts the pairs that entered.
TestResult signed_rank(std::span<const double> first, std::span<const double> second,
                       const SignedRankOptions& options = {});
TestResult signed_rank(std::span<const double> differences, const SignedRankOptions& options = {});

// Hodges-Lehmann shift: the median of the Walsh averages (d_i + d_j) / 2, i <= j, of all
// differences (zeros kept), with the interval that inverts the signed-rank test (Hollander, Wolfe
// and Chicken 2014, 3.2-3.3): exact order statistics up to n = 50, else normal. As R's
// wilcox.test(conf.int=TRUE) where there are no ties and no zeros.
Estimate hodges_lehmann(std::span<const double> differences, double level = 0.95);

}  // namespace gantry
