#include "ops/peak.h"

#include <algorithm>
#include <ctime>
#include <mutex>
#include <vector>

#include "base/threads.h"
#include "ops/peak_kernels.h"
#include "tensor/instruction_set.h"

namespace gantry {

double multiply_add_loop_avx2(int64_t steps, float seed);
double multiply_add_loop_avx512(int64_t steps, float seed);
double multiply_add_loop_avx512_pairs(int64_t steps, float seed);

namespace {

using Loop = double (*)(int64_t steps, float seed);

double thread_seconds() {  // time on the core, not on the wall
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The best of short runs of each thread by itself, summed: a core that was lent to another program
// for a moment does not lower the ceiling.
double measure(Loop loop) {
  constexpr int kRuns = 40;
  constexpr int64_t kSteps = 20000;
  const int threads = thread_count();
  std::vector<double> best(static_cast<size_t>(threads));
  parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      for (int run = 0; run < kRuns; ++run) {
        const double start = thread_seconds();
        const double operations = loop(kSteps, 1e-3f);
        const double took = thread_seconds() - start;
        best[static_cast<size_t>(t)] = std::max(best[static_cast<size_t>(t)], operations / took);
      }
    }
  });
  double sum = 0;
  for (double b : best) sum += b;
  return sum;
}

double measure_floats() {
  switch (instruction_set()) {
    case Isa::kAvx512:
      return measure(multiply_add_loop_avx512);
    case Isa::kAvx2:
      return measure(multiply_add_loop_avx2);
    default:
      return measure(isa_portable::multiply_add_loop<false>);
  }
}

struct Peaks {
  double floats = 0, pairs = 0;
  void take() {
    floats = std::max(floats, measure_floats());
    if (instruction_set() == Isa::kAvx512)
      pairs = std::max(pairs, measure(multiply_add_loop_avx512_pairs));
  }
  double of(bool bf16) const { return bf16 ? std::max(floats, pairs) : floats; }
};

std::mutex peaks_mutex;
Peaks peaks;

}  // namespace

double matrix_peak(bool bf16) {
  const std::lock_guard lock(peaks_mutex);
  if (peaks.floats == 0) peaks.take();
  return peaks.of(bf16);
}

double matrix_peak_again(bool bf16) {
  const std::lock_guard lock(peaks_mutex);
  peaks.take();
  return peaks.of(bf16);
}

}  // namespace gantry
