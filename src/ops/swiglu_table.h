// The kernels of swiglu.h: rows [begin, end).
#pragma once

#include <cstdint>

#include "ops/swiglu.h"

namespace gantry {

template <typename T>
struct SwigluTable {
  void (*forward)(Matrix<const T> gate_up, Matrix<T> y, int64_t begin, int64_t end);
  void (*backward)(Matrix<const T> gate_up, Matrix<const T> dy, Matrix<T> dgate_up, int64_t begin,
                   int64_t end);
};

template <typename T>
const SwigluTable<T>& swiglu_table_avx2();
template <typename T>
const SwigluTable<T>& swiglu_table_avx512();

}  // namespace gantry
