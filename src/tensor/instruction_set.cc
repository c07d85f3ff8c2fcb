#include "tensor/instruction_set.h"

#include <atomic>

#include "base/error.h"

namespace gantry {
namespace {

Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
#endif
  return Isa::kPortable;
}

std::atomic<Isa> current{best_instruction_set()};
std::atomic<bool> dot{fast_bf16_dot()};

}  // namespace

Isa best_instruction_set() {
  static const Isa best = detect();
  return best;
}

Isa instruction_set() { return current.load(std::memory_order_relaxed); }

void set_instruction_set(Isa isa) {
  GANTRY_CHECK(isa <= best_instruction_set());
  current = isa;
}

const char* instruction_set_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return "AVX-512 (BF16, VNNI)";
    case Isa::kAvx2:
      return "AVX2";
    default:
      return "portable";
  }
}

bool fast_bf16_dot() {
#if defined(__x86_64__)
  // vdpbf16ps runs at the full rate on AMD from Zen 4 on (twice the work of an fp32 FMA); on
  // Intel's cores it runs at a quarter of the instruction rate of an FMA (93 against 192 GFLOP/s a
  // core on Emerald Rapids).
  return best_instruction_set() == Isa::kAvx512 && __builtin_cpu_is("amd");
#else
  return false;
#endif
}

bool bf16_dot() { return instruction_set() == Isa::kAvx512 && dot.load(std::memory_order_relaxed); }

void set_bf16_dot(bool on) {
  GANTRY_CHECK(!on || best_instruction_set() == Isa::kAvx512);
  dot = on;
}

}  // namespace gantry
