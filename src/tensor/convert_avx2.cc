#include "tensor/convert_kernels.h"

namespace gantry {

void narrow_avx2(const float* from, bf16* to, int64_t n) { convert_kernels::narrow(from, to, n); }
void widen_avx2(const bf16* from, float* to, int64_t n) { convert_kernels::widen(from, to, n); }

}  // namespace gantry
