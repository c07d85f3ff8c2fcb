// From token rows to one vector a sequence, and from the vectors of a report's windows to one a
// report.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

enum class Pooling { kMean, kFirst };

// x [rows, H] packed, cu_seqlens [S + 1]; y [S, H] fp32.
template <typename T>
void pool_forward(Pooling kind, In<T> x, std::span<const int32_t> cu_seqlens, Matrix<float> y);
// dx [rows, H] is written whole (zeros where nothing flows).
template <typename T>
void pool_backward(Pooling kind, std::span<const int32_t> cu_seqlens, In<float> dy, Matrix<T> dx);

enum class WindowPooling { kMean, kMax };

// x [windows, H]: windows cu_windows[r] .. cu_windows[r + 1] belong to report r; y [reports, H].
// argmax [reports, H] (kMax only): which window gave the value.
void pool_windows_forward(WindowPooling kind, In<float> x, std::span<const int32_t> cu_windows,
                          Matrix<float> y, int32_t* argmax);
void pool_windows_backward(WindowPooling kind, std::span<const int32_t> cu_windows, In<float> dy,
                           const int32_t* argmax, Matrix<float> dx);

}  // namespace gantry
