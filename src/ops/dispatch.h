// One table of function pointers an operation and instruction set; this picks the one in use.
#pragma once

#include "tensor/instruction_set.h"

namespace gantry {

template <typename Table>
const Table& pick(const Table& portable, const Table& avx2, const Table& avx512) {
  switch (instruction_set()) {
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx2:
      return avx2;
    default:
      return portable;
  }
}

}  // namespace gantry
