// Tests of answers given to the same cases: two answers right or wrong (McNemar), several
// (Cochran), two answers of more than two kinds (Bowker, Stuart-Maxwell).
#pragma once

#include <cstdint>
#include <span>

#include "stats/confusion.h"
#include "stats/estimate.h"

namespace gantry {

enum class McnemarMethod {
  kExact,                // binomial on the discordant pairs, two-sided (twice the smaller tail)
  kMidP,                 // the same less half the probability of what was seen: Fagerland, BMC Med
                         // Res Methodol 2013;13:91
  kChiSquared,           // (b - c)^2 / (b + c), 1 degree of freedom: McNemar, Psychometrika 1947
  kChiSquaredCorrected,  // (|b - c| - 1)^2 / (b + c): Edwards 1948
};

// b and c are the discordant pairs: right by the first only, by the second only. The statistic of
// the exact methods is the smaller of the two. Without discordant pairs the exact p is 1 and the
// chi-squared forms are not defined. n is b + c.
TestResult mcnemar(int64_t first_only, int64_t second_only,
                   McnemarMethod method = McnemarMethod::kExact);

// k >= 2 readers right (non-zero) or wrong (0) on the same n cases: yes is n x k, row-major.
// Q = (k - 1) (k sum G_j^2 - (sum G_j)^2) / (k sum L_i - sum L_i^2), chi-squared with k - 1 degrees
// of freedom (Cochran, Biometrika 1950;37:256). Not defined when every case has all or none right.
TestResult cochran_q(int readers, std::span<const uint8_t> yes);

// Symmetry of a square table (row: first reader, column: second): sum over i < j of
// (n_ij - n_ji)^2 / (n_ij + n_ji) (Bowker, J Am Stat Assoc 1948;43:572). Degrees of freedom are the
// pairs of cells that hold anything.
TestResult bowker(const ConfusionMatrix& table);

// Equality of the two readers' margins: d' S^-1 d with d the differences of margins (Stuart,
// Biometrika 1955;42:412; Maxwell, Br J Psychiatry 1970;116:651). Groups on which the readers never
// differ are left out. Not defined when S cannot be inverted.
TestResult stuart_maxwell(const ConfusionMatrix& table);

}  // namespace gantry
