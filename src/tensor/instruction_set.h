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
bool has_amx();  // bf16 tile products, usable by this process

}  // namespace gantry
