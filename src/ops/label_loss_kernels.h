// The code of label_loss.h for one instruction set.
#pragma once

#include <algorithm>

#include "ops/label_loss_table.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

// Sums of e^(x - top) over a row: vectors of 4 chains, summed in double by pieces, so that a
// vocabulary of 100,000 adds no error to speak of.
inline double sum_exp(const float* row, int64_t columns, float top) {
  constexpr int64_t kPiece = 4096;
  double total = 0;
  for (int64_t begin = 0; begin < columns; begin += kPiece) {
    const int64_t n = std::min(kPiece, columns - begin);
    const float* x = row + begin;
    Wide<4> sum = zero();
    int64_t c = 0;
    for (; c + 4 * kLanes <= n; c += 4 * kLanes) {
      Wide<4> v;
      for (int i = 0; i < 4; ++i) v.v[i] = load(x + c + i * kLanes);
      sum = sum + exp(v - Wide<4>(set1(top)));
    }
    VF rest = zero();
    for_lanes(n - c, [&](int64_t at, auto lanes) {
      rest = rest + lanes.live(exp(lanes.load(x + c + at) - set1(top)));
    });
    total += static_cast<double>(reduce_add((sum.v[0] + sum.v[1]) + (sum.v[2] + sum.v[3]) + rest));
  }
  return total;
}

inline float label_loss_row(float* row, int64_t columns, int32_t label, const float* factor) {
  VF best = set1(row[0]);
  int64_t whole = 0;
  for (; whole + kLanes <= columns; whole += kLanes) best = max(best, load(row + whole));
  float top = reduce_max(best);
  for (; whole < columns; ++whole) top = std::max(top, row[whole]);
  const double log_sum = std::log(sum_exp(row, columns, top));
  const float log_p = static_cast<float>(static_cast<double>(row[label] - top) - log_sum);
  if (factor) {
    const float shift = top + static_cast<float>(log_sum);
    for_lanes(columns, [&](int64_t c, auto lanes) {
      lanes.store(row + c, exp(lanes.load(row + c) - set1(shift)) * set1(*factor));
    });
    row[label] -= *factor;
  }
  return log_p;
}

}  // namespace
}  // namespace gantry::GANTRY_ISA
