#include "base/random.h"

#include <cmath>
#include <numbers>

namespace gantry {

double Random::normal() {
  double u = 1.0 - uniform();  // (0, 1], so that the logarithm is finite
  double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

uint64_t Random::below(uint64_t n) {
  // Reject the first 2^64 mod n values, so that each residue is equally likely.
  uint64_t threshold = (0 - n) % n;
  for (;;) {
    uint64_t x = next();
    if (x >= threshold) return x % n;
  }
}

}  // namespace gantry
