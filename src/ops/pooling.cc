#include "ops/pooling.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"

namespace gantry {

template <typename T>
void pool_forward(Pooling kind, In<T> x, std::span<const int32_t> cu_seqlens, Matrix<float> y) {
  const int64_t sequences = static_cast<int64_t>(cu_seqlens.size()) - 1;
  GANTRY_CHECK(sequences == y.rows && x.cols == y.cols && cu_seqlens.back() <= x.rows);
  parallel_for(sequences, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int32_t from = cu_seqlens[s];
      const int32_t to = kind == Pooling::kFirst ? from + 1 : cu_seqlens[s + 1];
      float* sum = y.row(s);
      std::fill(sum, sum + y.cols, 0.0f);
      for (int32_t r = from; r < to; ++r) {
        const T* row = x.row(r);
        for (int64_t c = 0; c < y.cols; ++c) sum[c] += to_float(row[c]);
      }
      const float share = 1.0f / static_cast<float>(std::max(to - from, 1));
      for (int64_t c = 0; c < y.cols; ++c) sum[c] *= share;
    }
  });
}

template <typename T>
void pool_backward(Pooling kind, std::span<const int32_t> cu_seqlens, In<float> dy, Matrix<T> dx) {
  const int64_t sequences = static_cast<int64_t>(cu_seqlens.size()) - 1;
  GANTRY_CHECK(sequences == dy.rows && dx.cols == dy.cols && cu_seqlens.back() <= dx.rows);
  const size_t row_bytes = static_cast<size_t>(dx.cols) * sizeof(T);
  parallel_for(sequences, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int32_t from = cu_seqlens[s], to = cu_seqlens[s + 1];
      if (from == to) continue;
      const float share = kind == Pooling::kFirst ? 1.0f : 1.0f / static_cast<float>(to - from);
      T* first = dx.row(from);
      for (int64_t c = 0; c < dx.cols; ++c) first[c] = from_float<T>(dy.row(s)[c] * share);
      for (int32_t r = from + 1; r < to; ++r) {
        if (kind == Pooling::kMean) {
          std::memcpy(dx.row(r), first, row_bytes);
        } else {
          std::memset(dx.row(r), 0, row_bytes);
        }
      }
    }
  });
  for (int64_t r = cu_seqlens.back(); r < dx.rows; ++r) std::memset(dx.row(r), 0, row_bytes);
}

void pool_windows_forward(WindowPooling kind, In<float> x, std::span<const int32_t> cu_windows,
                          Matrix<float> y, int32_t* argmax) {
  const int64_t reports = static_cast<int64_t>(cu_windows.size()) - 1;
  GANTRY_CHECK(reports == y.rows && x.cols == y.cols && cu_windows.back() <= x.rows);
  for (int64_t r = 0; r < reports; ++r) {
    const int32_t from = cu_windows[r], to = cu_windows[r + 1];
    GANTRY_CHECK(from < to);
    for (int64_t c = 0; c < y.cols; ++c) {
      float value = x.row(from)[c];
      int32_t best = from;
      for (int32_t w = from + 1; w < to; ++w) {
        const float v = x.row(w)[c];
        if (kind == WindowPooling::kMean) {
          value += v;
        } else if (v > value) {
          value = v;
          best = w;
        }
      }
      y.row(r)[c] = kind == WindowPooling::kMean ? value / static_cast<float>(to - from) : value;
      if (argmax && kind == WindowPooling::kMax) argmax[r * y.cols + c] = best;
    }
  }
}

void pool_windows_backward(WindowPooling kind, std::span<const int32_t> cu_windows, In<float> dy,
                           const int32_t* argmax, Matrix<float> dx) {
  const int64_t reports = static_cast<int64_t>(cu_windows.size()) - 1;
  GANTRY_CHECK(reports == dy.rows && dx.cols == dy.cols && cu_windows.back() <= dx.rows);
  GANTRY_CHECK(kind == WindowPooling::kMean || argmax);
  for (int64_t r = 0; r < reports; ++r) {
    const float share = 1.0f / static_cast<float>(cu_windows[r + 1] - cu_windows[r]);
    for (int32_t w = cu_windows[r]; w < cu_windows[r + 1]; ++w) {
      for (int64_t c = 0; c < dy.cols; ++c) {
        const float g = dy.row(r)[c];
        dx.row(w)[c] = kind == WindowPooling::kMean   ? g * share
                       : argmax[r * dy.cols + c] == w ? g
                                                      : 0.0f;
      }
    }
  }
}

template void pool_forward<float>(Pooling, In<float>, std::span<const int32_t>, Matrix<float>);
template void pool_forward<bf16>(Pooling, In<bf16>, std::span<const int32_t>, Matrix<float>);
template void pool_backward<float>(Pooling, std::span<const int32_t>, In<float>, Matrix<float>);
template void pool_backward<bf16>(Pooling, std::span<const int32_t>, In<float>, Matrix<bf16>);

}  // namespace gantry
