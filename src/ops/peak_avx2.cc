#include "ops/peak_kernels.h"

namespace gantry {

double multiply_add_loop_avx2(int64_t steps, float seed) {
  return isa_avx2::multiply_add_loop<false>(steps, seed);
}

}  // namespace gantry
