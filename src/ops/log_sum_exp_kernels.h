// The code of log_sum_exp.h for one instruction set.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/log_sum_exp_table.h"
#include "ops/simd.h"

namespace gantry::GANTRY_ISA {
namespace {

RowSummary row_summary(std::span<const float> row) {
  const auto n = static_cast<int64_t>(row.size());
  const int64_t whole = n / kLanes * kLanes;
  VF top = set1(-3e38f);
  for (int64_t i = 0; i < whole; i += kLanes) top = max(top, load(row.data() + i));
  float highest = reduce_max(top);
  for (int64_t i = whole; i < n; ++i) highest = std::max(highest, row[static_cast<size_t>(i)]);
  VF part = zero();
  for_lanes(n, [&](int64_t i, auto lanes) {
    part = part + lanes.live(exp(lanes.load(row.data() + i) - set1(highest)));
  });
  float parts[kLanes];
  store(parts, part);
  double sum = 0;
  for (float x : parts) sum += static_cast<double>(x);
  const auto first = std::find(row.begin(), row.end(), highest);
  return {static_cast<double>(highest) + std::log(sum), first - row.begin()};
}

constexpr LogSumExpTable kLogSumExpTable = {row_summary};

}  // namespace
}  // namespace gantry::GANTRY_ISA
