// The kernels of dropout.h.
#pragma once

#include <cstdint>

#include "ops/dropout.h"
#include "tensor/bfloat16.h"

namespace gantry {

template <typename T>
struct DropoutTable {
  void (*row)(const Dropout& d, int64_t row, const T* x, T* y, int64_t cols);  // y may be x
};

template <typename T>
const DropoutTable<T>& dropout_table_avx2();
template <typename T>
const DropoutTable<T>& dropout_table_avx512();

}  // namespace gantry
