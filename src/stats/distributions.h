// Distribution functions and quantiles, by Boost.Math (whose relative error is near 1e-15). Boost's
// headers stay in distributions.cc.
#pragma once

#include <cstdint>

namespace gantry {

double normal_cdf(double z);
double normal_sf(double z);        // 1 - cdf without cancellation
double normal_quantile(double p);  // 0 < p < 1
double student_t_sf(double t, double degrees_of_freedom);
double student_t_quantile(double p, double degrees_of_freedom);
double chi_squared_sf(double x, double degrees_of_freedom);
double chi_squared_quantile(double p, double degrees_of_freedom);
double beta_quantile(double p, double a, double b);
double binomial_pmf(int64_t k, int64_t n, double p);
double binomial_cdf(int64_t k, int64_t n, double p);  // P(X <= k)

// z such that a two-sided interval of this level is +- z standard errors (0.95 -> 1.959964).
double two_sided_z(double level);

}  // namespace gantry
