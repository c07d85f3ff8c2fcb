// Attention over keys and values that are kept in pages of 16 positions, so that sequences may
// share pages (a common prompt), grow, and leave at any time.
//
// A page holds, for each layer and key-value head, its keys transposed [head_size][16] (a lane is a
// key) and its values [16][head_size rounded up to 16]. Scores are sums over the head's elements in
// two parts (even, odd), the softmax is summed and the values are added in order of position:
// nothing depends on how positions lie in pages or on other rows, so that a text computed behind a
// shared prefix gives the bits it gives as a whole.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/matrix.h"

namespace gantry {

constexpr int64_t kPagePositions = 16;

struct PageShape {
  int64_t layers = 0, heads = 0, kv_heads = 0, head_size = 0;

  int64_t value_stride() const { return (head_size + 15) / 16 * 16; }
  int64_t key_floats() const { return head_size * kPagePositions; }
  int64_t head_floats() const { return key_floats() + value_stride() * kPagePositions; }
  int64_t layer_floats() const { return kv_heads * head_floats(); }
  int64_t floats() const { return layers * layer_floats(); }  // of a page
};

// Positions [position, position + count) lie in `page`, from its first place on.
struct PageRun {
  float* page = nullptr;
  int32_t position = 0, count = 0;
};

// Where a row's key and value go.
struct PagePlace {
  float* page = nullptr;
  int32_t place = 0;
};

// Rows [row, row + rows) of a pass that see the same runs, each up to its own position.
struct AttentionSpan {
  int64_t row = 0, rows = 0;
  std::span<const PageRun> runs;  // positions rising, without gaps
};

// k, v [rows, kv_heads * head_size] into their places.
void store_keys_and_values(const PageShape& shape, int64_t layer, In<float> k, In<float> v,
                           std::span<const PagePlace> places);

// out [rows, heads * head_size] = softmax(q k^T / sqrt(head_size)) v, where a row at position i
// sees positions j <= i with i - j < window (0: all). positions: [rows].
void paged_attention(const PageShape& shape, int64_t layer, In<float> q,
                     std::span<const int32_t> positions, std::span<const AttentionSpan> spans,
                     int64_t window, Matrix<float> out);

}  // namespace gantry
