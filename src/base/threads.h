// Threads: OpenMP's pool, shared with oneDNN, so that the cores are never asked for twice.
#pragma once

#include <cstdint>
#include <functional>

namespace gantry {

int thread_count();            // of the pool in use
void set_thread_count(int n);  // 0: one a physical core

// Runs body(begin, end) on equal, contiguous, fixed shares of [0, n): the same shares for the same
// n and thread count. Results must not depend on the shares (write disjoint places; reduce in a
// fixed order afterwards).
template <typename Body>
void parallel_for(int64_t n, int64_t grain, const Body& body) {
  if (n <= 0) return;
  int64_t shares = thread_count();
  if (grain > 0 && n / grain < shares) shares = n / grain > 0 ? n / grain : 1;
  if (shares <= 1) {
    body(int64_t{0}, n);
    return;
  }
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(shares))
  for (int64_t s = 0; s < shares; ++s) body(n * s / shares, n * (s + 1) / shares);
}

}  // namespace gantry
