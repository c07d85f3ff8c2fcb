// log(sum of e^x), and the place of the largest value, of a row of logits.
#pragma once

#include <cstdint>
#include <span>

namespace gantry {

struct RowSummary {
  double log_sum_exp = 0;  // natural logarithm; 16 partial sums in fp32, added in fp64
  int64_t largest = 0;     // of equals the first
};
RowSummary summarise_row(std::span<const float> row);

}  // namespace gantry
