// p-values of a family of tests, adjusted. Order is kept; a p-value that is NaN (a test that was
// not defined) stays NaN and does not count.
#pragma once

#include <span>
#include <vector>

namespace gantry {

// Family-wise error, in one step: p times the number of defined tests, at most 1 (Dunn, J Am Stat
// Assoc 1961;56:52).
std::vector<double> bonferroni(std::span<const double> p);
// Family-wise error, step-down: Holm, Scand J Stat 1979;6:65.
std::vector<double> holm(std::span<const double> p);
// False discovery rate, step-up: Benjamini and Hochberg, J R Stat Soc B 1995;57:289.
std::vector<double> benjamini_hochberg(std::span<const double> p);

}  // namespace gantry
