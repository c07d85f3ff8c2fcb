#include "tensor/bfloat16.h"

#include <cstring>

#include "base/threads.h"
#include "tensor/convert_kernels.h"
#include "tensor/instruction_set.h"

namespace gantry {

void narrow_avx2(const float* from, bf16* to, int64_t n);
void widen_avx2(const bf16* from, float* to, int64_t n);
void narrow_avx512(const float* from, bf16* to, int64_t n);
void widen_avx512(const bf16* from, float* to, int64_t n);

namespace {
constexpr int64_t kGrain = 1 << 15;  // elements a thread is worth waking for
}

void convert(const float* from, bf16* to, int64_t n) {
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    const Isa isa = instruction_set();
    const auto narrow = isa == Isa::kAvx512 ? narrow_avx512
                        : isa == Isa::kAvx2 ? narrow_avx2
                                            : convert_kernels::narrow;
    narrow(from + begin, to + begin, end - begin);
  });
}

void convert(const bf16* from, float* to, int64_t n) {
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    const Isa isa = instruction_set();
    const auto widen = isa == Isa::kAvx512 ? widen_avx512
                       : isa == Isa::kAvx2 ? widen_avx2
                                           : convert_kernels::widen;
    widen(from + begin, to + begin, end - begin);
  });
}

void convert(const float* from, float* to, int64_t n) {
  if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

}  // namespace gantry
