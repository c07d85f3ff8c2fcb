// The kernels of gelu.h: one row each, indexed by Activation.
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"

namespace gantry {

template <typename T>
struct ActivationTable {
  void (*forward[5])(const T* x, const float* bias, T* y, int64_t cols);
  void (*backward[5])(const T* x, const float* bias, const T* dy, T* dx, int64_t cols);
};

template <typename T>
const ActivationTable<T>& activation_table_avx2();
template <typename T>
const ActivationTable<T>& activation_table_avx512();

}  // namespace gantry
