// The kernel of rope.h: rows [begin, end).
#pragma once

#include <cstdint>

#include "ops/rope.h"

namespace gantry {

template <typename T>
struct RopeCall {
  const RopeTable* table;
  const int32_t* positions;
  bool inverse;
  Matrix<T> x;
};
template <typename T>
using RopeRows = void (*)(const RopeCall<T>& call, int64_t begin, int64_t end);

template <typename T>
RopeRows<T> rope_rows_avx2();
template <typename T>
RopeRows<T> rope_rows_avx512();

}  // namespace gantry
