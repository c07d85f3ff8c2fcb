#include "ops/rope.h"

#include <cmath>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/rope_kernels.h"

namespace gantry {

RopeTable::RopeTable(std::span<const double> frequencies, int64_t positions)
    : half_(static_cast<int64_t>(frequencies.size())),
      positions_(positions),
      values_(frequencies.size() * 2 * static_cast<size_t>(positions)) {
  for (int64_t p = 0; p < positions; ++p) {
    float* row = values_.data() + p * 2 * half_;
    for (int64_t i = 0; i < half_; ++i) {
      const double angle = static_cast<double>(p) * frequencies[static_cast<size_t>(i)];
      row[i] = static_cast<float>(std::cos(angle));
      row[half_ + i] = static_cast<float>(std::sin(angle));
    }
  }
}

template <typename T>
void rope_rotate(const RopeTable& table, std::span<const int32_t> positions, bool inverse,
                 Matrix<T> x) {
  GANTRY_CHECK(static_cast<int64_t>(positions.size()) == x.rows);
  GANTRY_CHECK(table.half() > 0 && x.cols % (2 * table.half()) == 0);
  for (int32_t p : positions) GANTRY_CHECK(p >= 0 && p < table.positions());
  const RopeCall<T> call{&table, positions.data(), inverse, x};
  static constexpr RopeRows<T> portable = isa_portable::rope_rows<T>;
  const RopeRows<T> avx2 = rope_rows_avx2<T>(), avx512 = rope_rows_avx512<T>();
  const RopeRows<T> rows = pick(portable, avx2, avx512);
  parallel_for(x.rows, 16, [&](int64_t begin, int64_t end) { rows(call, begin, end); });
}

template void rope_rotate<float>(const RopeTable&, std::span<const int32_t>, bool, Matrix<float>);
template void rope_rotate<bf16>(const RopeTable&, std::span<const int32_t>, bool, Matrix<bf16>);

}  // namespace gantry
