// Where gradients go: a flat fp32 array laid out as the trainable part of a ParameterTable.
#pragma once

#include <cstdint>

namespace gantry {

struct Gradients {
  float* data = nullptr;  // of the float at offset `from`
  int64_t from = 0;       // offsets below are frozen
  bool accumulate = false;

  // Null where frozen.
  float* at(int64_t offset) const {
    return offset >= from && data ? data + (offset - from) : nullptr;
  }
};

}  // namespace gantry
