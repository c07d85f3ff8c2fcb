// Rotary position embedding (Su et al. 2021) in Hugging Face's layout: element i of a head's first
// half and element i of its second half are a pair, turned by position * frequency[i].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

// Cosines and sines for positions [0, positions). frequencies: [head_size / 2], radians a position.
class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(std::span<const double> frequencies, int64_t positions);
  int64_t half() const { return half_; }
  int64_t positions() const { return positions_; }
  // half() cosines, then half() sines.
  const float* at(int64_t position) const { return values_.data() + position * 2 * half_; }

 private:
  int64_t half_ = 0, positions_ = 0;
  std::vector<float> values_;
};

// Turns each head of x [rows, heads * 2 half] by its row's position, in place. inverse: the other
// way, which is the backward pass.
template <typename T>
void rope_rotate(const RopeTable& table, std::span<const int32_t> positions, bool inverse,
                 Matrix<T> x);

}  // namespace gantry
