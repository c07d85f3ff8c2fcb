#include "stats/multiple_testing.h"

#include <algorithm>
#include <cmath>

namespace gantry {
namespace {

// Places of the p-values that are numbers, smallest first.
std::vector<size_t> ascending(std::span<const double> p) {
  std::vector<size_t> order;
  for (size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  return order;
}

}  // namespace

std::vector<double> bonferroni(std::span<const double> p) {
  std::vector<double> adjusted(p.begin(), p.end());
  const double tests = static_cast<double>(ascending(p).size());
  for (double& value : adjusted) value = std::isnan(value) ? value : std::min(1.0, value * tests);
  return adjusted;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<double> adjusted(p.begin(), p.end());
  const std::vector<size_t> order = ascending(p);
  double highest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    highest = std::max(highest, p[order[i]] * static_cast<double>(order.size() - i));
    adjusted[order[i]] = std::min(1.0, highest);
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  std::vector<double> adjusted(p.begin(), p.end());
  const std::vector<size_t> order = ascending(p);
  double lowest = 1;
  for (size_t i = order.size(); i-- > 0;) {
    lowest = std::min(lowest,
                      p[order[i]] * static_cast<double>(order.size()) / static_cast<double>(i + 1));
    adjusted[order[i]] = lowest;
  }
  return adjusted;
}

}  // namespace gantry
