// A product's work as a grid of blocks of rows and panels of columns, dealt to the threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/threads.h"

namespace gantry {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Splits a grid of rows x cols units into a x b parts, a * b <= threads: the largest part is as
// small as it can be, and of equal ones that with the shortest sides is taken (each side of a part
// is packed by its thread).
struct Grid {
  int64_t rows = 1, cols = 1;
};
inline Grid split_grid(int64_t rows, int64_t cols, double row_cost, double col_cost) {
  const int64_t threads = thread_count();
  Grid best;
  double best_cost = -1;
  for (int64_t a = 1; a <= std::min(threads, rows); ++a) {
    const int64_t b = std::max<int64_t>(1, std::min(threads / a, cols));
    const double r = static_cast<double>(ceil_div(rows, a)),
                 c = static_cast<double>(ceil_div(cols, b));
    const double cost = r * c + row_cost * r + col_cost * c;
    if (best_cost < 0 || cost < best_cost) {
      best_cost = cost;
      best = {a, b};
    }
  }
  return best;
}

template <typename Body>
void for_grid(Grid grid, int64_t rows, int64_t cols, const Body& body) {
  parallel_for(grid.rows * grid.cols, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t r = i / grid.cols, c = i % grid.cols;
      body(rows * r / grid.rows, rows * (r + 1) / grid.rows, cols * c / grid.cols,
           cols * (c + 1) / grid.cols);
    }
  });
}

}  // namespace gantry
