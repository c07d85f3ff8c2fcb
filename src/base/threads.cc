#include "base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace gantry {

int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void set_thread_count(int n) {
#ifdef _OPENMP
  omp_set_num_threads(n > 0 ? n : omp_get_num_procs());
#else
  (void)n;
#endif
}

}  // namespace gantry
