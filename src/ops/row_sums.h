// Sums over rows that do not depend on the number of threads: fixed chunks of rows each give a
// partial sum, and the partial sums are added in order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/threads.h"
#include "ops/scratch.h"

namespace gantry {

// body(begin, end, float* partial) fills `width` floats for rows [begin, end) of one chunk.
// finish(column, sum) gets each column's total, from any thread.
template <typename Body, typename Finish>
void sum_over_rows(int64_t rows, int64_t chunk, int64_t width, const Body& body,
                   const Finish& finish) {
  const int64_t chunks = (rows + chunk - 1) / chunk;
  float* partials = scratch<float>(Slot::kPartials, std::max<int64_t>(chunks, 1) * width);
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      body(i * chunk, std::min(rows, (i + 1) * chunk), partials + i * width);
    }
  });
  parallel_for(width, 512, [&](int64_t begin, int64_t end) {
    constexpr int64_t kBlock = 64;
    float sum[kBlock];
    for (int64_t c = begin; c < end; c += kBlock) {
      const int64_t n = std::min(kBlock, end - c);
      std::fill(sum, sum + n, 0.0f);
      for (int64_t i = 0; i < chunks; ++i) {
        const float* from = partials + i * width + c;
        for (int64_t k = 0; k < n; ++k) sum[k] += from[k];
      }
      for (int64_t k = 0; k < n; ++k) finish(c + k, sum[k]);
    }
  });
}

}  // namespace gantry
