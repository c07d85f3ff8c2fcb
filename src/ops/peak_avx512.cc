#include "ops/peak_kernels.h"

namespace gantry {

double multiply_add_loop_avx512(int64_t steps, float seed) {
  return isa_avx512::multiply_add_loop<false>(steps, seed);
}

double multiply_add_loop_avx512_pairs(int64_t steps, float seed) {
  return isa_avx512::multiply_add_loop<true>(steps, seed);
}

}  // namespace gantry
