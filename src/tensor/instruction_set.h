// Which instruction set the kernels use. Chosen once from what the processor has; a test forces
// each.
#pragma once

namespace gantry {

enum class Isa {
  kPortable,  // plain C++
  kAvx2,      // AVX2 + FMA
  kAvx512,    // AVX-512 F/BW/DQ/VL + VNNI + BF16
};

Isa best_instruction_set();         // of this processor
Isa instruction_set();              // in use
void set_instruction_set(Isa isa);  // CHECK: not above best_instruction_set()
const char* instruction_set_name(Isa isa);
// Whether products of bf16 pairs (vdpbf16ps) are faster here than fp32 multiply-adds on the widened
// values.
bool fast_bf16_dot();
// The choice in use: fast_bf16_dot() unless set (tests force both). CHECK: vdpbf16ps needs kAvx512.
bool bf16_dot();
void set_bf16_dot(bool on);

}  // namespace gantry
