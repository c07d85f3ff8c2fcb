#include "stats/distributions.h"

#include "stats/oracle_test.h"

namespace gantry {
namespace {

double call(const std::string& f, const std::vector<double>& a) {
  if (f == "normal_quantile") return normal_quantile(a[0]);
  if (f == "normal_cdf") return normal_cdf(a[0]);
  if (f == "normal_sf") return normal_sf(a[0]);
  if (f == "student_t_quantile") return student_t_quantile(a[0], a[1]);
  if (f == "student_t_sf") return student_t_sf(a[0], a[1]);
  if (f == "chi_squared_quantile") return chi_squared_quantile(a[0], a[1]);
  if (f == "chi_squared_sf") return chi_squared_sf(a[0], a[1]);
  if (f == "beta_quantile") return beta_quantile(a[0], a[1], a[2]);
  const auto k = static_cast<int64_t>(a[0]), n = static_cast<int64_t>(a[1]);
  if (f == "binomial_pmf") return binomial_pmf(k, n, a[2]);
  if (f == "binomial_cdf") return binomial_cdf(k, n, a[2]);
  ADD_FAILURE() << "no function " << f;
  return 0;
}

TEST(Distributions, MatchScipy) {
  for (const auto& row : oracle("metrics.json")["distributions"]) {
    const double expected = row["value"];
    const double got = call(row["f"], row["args"]);
    EXPECT_NEAR(got, expected, 1e-9 * std::fabs(expected)) << row.dump();
  }
}

}  // namespace
}  // namespace gantry
