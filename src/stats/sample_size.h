// How many cases a study needs.
#pragma once

#include <cstdint>

namespace gantry {

// Smallest n whose Wilson interval, at the expected proportion, is no wider than 2 half_widths.
int64_t sample_size_wilson(double expected, double half_width, double level = 0.95);
// The textbook n = z^2 p (1 - p) / half_width^2, rounded up.
int64_t sample_size_wald(double expected, double half_width, double level = 0.95);

// Pairs for McNemar's test, two-sided: discordant shares p10 and p01 expected (Connor, Biometrics
// 1987;43:207): n = (z_a sqrt(s) + z_b sqrt(s - d^2))^2 / d^2 with s = p10 + p01, d = p10 - p01.
int64_t sample_size_mcnemar(double first_only, double second_only, double power = 0.8,
                            double alpha = 0.05);
// Power of the exact McNemar test at n pairs, over the binomial number of discordant pairs.
double power_mcnemar_exact(double first_only, double second_only, int64_t pairs,
                           double alpha = 0.05);

}  // namespace gantry
