// Estimate: a figure with its interval, its n and the name of the method, or "not defined".
//
//   Estimate s = wilson(19, 20);
//   if (s.defined) show(s.value, s.lower, s.upper, s.n);  // 0.95 (0.7639 to 0.9911), n = 20
//   else show("not defined");
//
// A figure whose denominator is empty is not defined: it is never shown as 0 or as NaN. A figure
// may be defined while its interval is not (one patient only: nothing can be resampled).
#pragma once

#include <cstdint>
#include <string>

namespace gantry {

struct Estimate {
  double value = 0;
  double lower = 0, upper = 0;  // meaningful only when has_interval
  int64_t n = 0;                // the denominator: cases, pairs, readings
  int64_t count = -1;           // the numerator of a proportion; -1 for other figures
  std::string method;           // how the interval was made: "Wilson", "DeLong", ...
  bool defined = false;
  bool has_interval = false;
};

// "not defined", with the n and the method it would have had.
Estimate not_defined(int64_t n = 0, std::string method = {});
// A figure without interval; NaN and infinities become "not defined".
Estimate point_estimate(double value, int64_t n, std::string method = {});
// value -+ z * standard_error, cut to [lowest, highest]; `method` names the standard error.
Estimate wald_estimate(double value, double standard_error, int64_t n, std::string method,
                       double lowest, double highest, double level = 0.95);

// The outcome of a test. `exact` tells an exact p-value from an approximation.
struct TestResult {
  double statistic = 0;
  double p = 1;
  int64_t n = 0;  // pairs, cases or discordant pairs that entered
  double degrees_of_freedom = 0;
  std::string method;
  bool exact = false;
  bool defined = false;
};

}  // namespace gantry
