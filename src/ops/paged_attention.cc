#include "ops/paged_attention.h"

#include <vector>

#include "base/threads.h"
#include "ops/dispatch.h"
#include "ops/paged_attention_kernels.h"

namespace gantry {
namespace {

const PagedAttentionTable& table() {
  return pick(isa_portable::kPagedAttentionTable, paged_attention_table_avx2(),
              paged_attention_table_avx512());
}

}  // namespace

void store_keys_and_values(const PageShape& shape, int64_t layer, In<float> k, In<float> v,
                           std::span<const PagePlace> places) {
  const int64_t size = shape.head_size, stride = shape.value_stride();
  GANTRY_CHECK(k.cols == shape.kv_heads * size && v.cols == k.cols && v.rows == k.rows);
  GANTRY_CHECK(static_cast<int64_t>(places.size()) == k.rows);
  parallel_for(k.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const PagePlace& place = places[static_cast<size_t>(r)];
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        float* keys = place.page + layer * shape.layer_floats() + h * shape.head_floats();
        const float* key = k.row(r) + h * size;
        for (int64_t d = 0; d < size; ++d) keys[d * kPagePositions + place.place] = key[d];
        float* value = keys + shape.key_floats() + place.place * stride;
        std::copy_n(v.row(r) + h * size, size, value);
        std::fill(value + size, value + stride, 0.0f);
      }
    }
  });
}

void paged_attention(const PageShape& shape, int64_t layer, In<float> q,
                     std::span<const int32_t> positions, std::span<const AttentionSpan> spans,
                     int64_t window, Matrix<float> out) {
  GANTRY_CHECK(q.cols == shape.heads * shape.head_size && out.cols == q.cols);
  GANTRY_CHECK(shape.heads % shape.kv_heads == 0 && shape.head_size % 2 == 0);
  const PagedAttentionCall call{shape, layer, q, positions, window, out};
  // A key-value head's queries are taken together, but for a few rows, where every thread is to
  // have some.
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t many = 4 * thread_count();
  const bool together = static_cast<int64_t>(spans.size()) * shape.kv_heads >= many;
  const int64_t heads = together ? group : 1, parts = shape.heads / heads;
  // Shares of equal cost: positions seen.
  std::vector<int64_t> cost(spans.size() + 1, 0);
  for (size_t i = 0; i < spans.size(); ++i) {
    const int64_t last = spans[i].row + spans[i].rows - 1;
    cost[i + 1] = cost[i] + spans[i].rows * (positions[static_cast<size_t>(last)] + 16);
  }
  const auto unit_at = [&](int64_t share, int64_t shares) {
    // The first unit whose cost begins at or after the share's part of the whole.
    const int64_t units = static_cast<int64_t>(spans.size()) * parts;
    if (share == shares) return units;
    const double target =
        static_cast<double>(cost.back()) * static_cast<double>(share) / static_cast<double>(shares);
    const auto above = std::upper_bound(cost.begin(), cost.end(), static_cast<int64_t>(target));
    const int64_t i = std::max<int64_t>(0, above - cost.begin() - 1);
    const double within =
        (target - static_cast<double>(cost[static_cast<size_t>(i)])) /
        static_cast<double>(cost[static_cast<size_t>(i) + 1] - cost[static_cast<size_t>(i)]);
    return i * parts + static_cast<int64_t>(within * static_cast<double>(parts) + 0.5);
  };
  const auto& kernels = table();
  const int64_t shares = thread_count();
  parallel_for(shares, 1, [&](int64_t begin, int64_t end) {
    for (int64_t unit = unit_at(begin, shares), last = unit_at(end, shares); unit < last; ++unit) {
      const AttentionSpan& span = spans[static_cast<size_t>(unit / parts)];
      if (span.rows > 0) kernels.heads(call, span, unit % parts * heads, heads);
    }
  });
}

}  // namespace gantry
