// What the tests of the kernels share: random matrices, comparison with fp64, every instruction set
// and number of threads in turn.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/threads.h"
#include "ops/dropout.h"
#include "ops/linear_onednn.h"
#include "tensor/bfloat16.h"
#include "tensor/instruction_set.h"
#include "tensor/matrix.h"

namespace gantry::numeric {

template <typename T>
struct Tensor {  // owns a matrix; rows may be apart by more than cols
  std::vector<T> data;
  Matrix<T> m;
  Tensor(int64_t rows, int64_t cols, int64_t gap = 0)
      : data(static_cast<size_t>(rows * (cols + gap) + 16)),
        m(data.data(), rows, cols, cols + gap) {
    std::memset(static_cast<void*>(data.data()), 0, data.size() * sizeof(T));
  }
  Tensor(const Tensor&) = delete;
  operator Matrix<T>() { return m; }
  operator Matrix<const T>() const { return m; }
  float at(int64_t r, int64_t c) const { return to_float(m.row(r)[c]); }
};

template <typename T>
void fill_normal(Tensor<T>& t, uint64_t seed, double spread = 1.0) {
  Random random(seed);
  for (int64_t r = 0; r < t.m.rows; ++r) {
    for (int64_t c = 0; c < t.m.cols; ++c) {
      t.m.row(r)[c] = from_float<T>(static_cast<float>(spread * random.normal()));
    }
  }
}
inline std::vector<float> normals(int64_t n, uint64_t seed, double spread = 1.0, double mean = 0) {
  Random random(seed);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = static_cast<float>(mean + spread * random.normal());
  return v;
}
inline std::vector<uint64_t> row_keys(int64_t n, uint64_t seed) {
  Random random(seed);
  std::vector<uint64_t> v(static_cast<size_t>(n));
  for (uint64_t& x : v) x = random.next();
  return v;
}

// |a - b| / |b| over a whole tensor (Frobenius norms), the measure of every tolerance here.
struct Distance {
  double difference = 0, norm = 0, worst = 0;
  void add(double got, double want) {
    if (!std::isfinite(got)) worst = difference = INFINITY;
    difference += (got - want) * (got - want);
    norm += want * want;
    worst = std::max(worst, std::abs(got - want));
  }
  double relative() const { return std::sqrt(difference / std::max(norm, 1e-30)); }
};
template <typename Got, typename Want>
double relative_distance(const Got& got, const Want& want, int64_t n) {
  Distance d;
  for (int64_t i = 0; i < n; ++i) d.add(got[i], want[i]);
  return d.relative();
}

inline std::vector<Isa> instruction_sets() {
  std::vector<Isa> all = {Isa::kPortable};
  if (best_instruction_set() >= Isa::kAvx2) all.push_back(Isa::kAvx2);
  if (best_instruction_set() >= Isa::kAvx512) all.push_back(Isa::kAvx512);
  return all;
}

// body() for every instruction set and way of multiplying bf16, with the name of each in a trace.
inline void with_every_instruction_set(const std::function<void()>& body) {
  const bool dot = bf16_dot(), onednn = use_onednn();
  set_use_onednn(false);
  for (Isa isa : instruction_sets()) {
    set_instruction_set(isa);
    for (bool pairs : {false, true}) {
      if (pairs && isa != Isa::kAvx512) continue;
      set_bf16_dot(pairs);
      SCOPED_TRACE(std::string(instruction_set_name(isa)) + (pairs ? ", bf16 pairs" : ""));
      body();
    }
    set_bf16_dot(false);
  }
  set_instruction_set(best_instruction_set());
  set_bf16_dot(dot);
  set_use_onednn(onednn);
}

// body() gives bytes; they must be the same for 1, 2 and 3 threads.
inline void expect_same_for_any_threads(const std::function<std::vector<char>()>& body) {
  set_thread_count(1);
  const std::vector<char> one = body();
  for (int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_TRUE(one == body()) << threads << " threads give other bits than one";
  }
  set_thread_count(0);
}
template <typename T>
void append_bytes(std::vector<char>& to, const T* data, int64_t n) {
  const size_t before = to.size(), bytes = static_cast<size_t>(n) * sizeof(T);
  to.resize(before + bytes);
  std::memcpy(to.data() + before, data, bytes);
}

// Tolerances: sums in fp32 over some hundred terms; results rounded to bf16 (2^-9 at worst).
template <typename T>
constexpr double tolerance() {
  return sizeof(T) == 4 ? 2e-6 : 4e-3;
}

}  // namespace gantry::numeric
