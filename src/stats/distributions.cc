#include "stats/distributions.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "base/error.h"

namespace gantry {
namespace {

namespace bm = boost::math;
// Arguments are checked here and an overflow is an infinity: nothing of Boost's is thrown.
using Policy = bm::policies::policy<bm::policies::overflow_error<bm::policies::ignore_error>,
                                    bm::policies::promote_double<false>>;
using Normal = bm::normal_distribution<double, Policy>;
using StudentT = bm::students_t_distribution<double, Policy>;
using ChiSquared = bm::chi_squared_distribution<double, Policy>;
using Beta = bm::beta_distribution<double, Policy>;
using Binomial = bm::binomial_distribution<double, Policy>;

}  // namespace

double normal_cdf(double z) { return bm::cdf(Normal(), z); }
double normal_sf(double z) { return bm::cdf(bm::complement(Normal(), z)); }

double normal_quantile(double p) {
  GANTRY_CHECK(p > 0 && p < 1);
  return bm::quantile(Normal(), p);
}

double student_t_sf(double t, double degrees_of_freedom) {
  GANTRY_CHECK(degrees_of_freedom > 0);
  return bm::cdf(bm::complement(StudentT(degrees_of_freedom), t));
}

double student_t_quantile(double p, double degrees_of_freedom) {
  GANTRY_CHECK(p > 0 && p < 1 && degrees_of_freedom > 0);
  return bm::quantile(StudentT(degrees_of_freedom), p);
}

double chi_squared_sf(double x, double degrees_of_freedom) {
  GANTRY_CHECK(degrees_of_freedom > 0 && x >= 0);
  return bm::cdf(bm::complement(ChiSquared(degrees_of_freedom), x));
}

double chi_squared_quantile(double p, double degrees_of_freedom) {
  GANTRY_CHECK(p >= 0 && p < 1 && degrees_of_freedom > 0);
  return bm::quantile(ChiSquared(degrees_of_freedom), p);
}

double beta_quantile(double p, double a, double b) {
  GANTRY_CHECK(p >= 0 && p <= 1 && a > 0 && b > 0);
  return bm::quantile(Beta(a, b), p);
}

double binomial_pmf(int64_t k, int64_t n, double p) {
  GANTRY_CHECK(n >= 0 && p >= 0 && p <= 1);
  if (k < 0 || k > n) return 0;
  return bm::pdf(Binomial(static_cast<double>(n), p), static_cast<double>(k));
}

double binomial_cdf(int64_t k, int64_t n, double p) {
  GANTRY_CHECK(n >= 0 && p >= 0 && p <= 1);
  if (k < 0) return 0;
  if (k >= n) return 1;
  return bm::cdf(Binomial(static_cast<double>(n), p), static_cast<double>(k));
}

double two_sided_z(double level) {
  GANTRY_CHECK(level > 0 && level < 1);
  return normal_quantile(0.5 + level / 2);
}

}  // namespace gantry
