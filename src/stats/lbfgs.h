// Limited-memory BFGS for smooth functions without bounds (Nocedal and Wright, Numerical
// Optimization, 2nd ed., algorithms 7.4, 7.5, 3.5 and 3.6). Sums run in a fixed order: the same
// input gives the same bits for any number of threads.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace gantry {

struct LbfgsOptions {
  int history = 10;
  int max_iterations = 2000;
  double gradient_tolerance = 1e-8;  // on the largest entry of the gradient
};

struct LbfgsResult {
  double value = 0;
  int iterations = 0;
  bool converged = false;
};

// Returns f(x) and writes its gradient.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

// Minimises from x, in place. Ends without convergence where no step lowers f any more (rounding).
LbfgsResult minimise_lbfgs(const Objective& objective, std::vector<double>& x,
                           const LbfgsOptions& options = {});

}  // namespace gantry
