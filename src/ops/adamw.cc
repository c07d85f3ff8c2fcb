#include "ops/adamw.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"
#include "ops/adamw_kernels.h"
#include "ops/dispatch.h"
#include "ops/scratch.h"

namespace gantry {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements a thread is worth waking for
constexpr int64_t kChunk = 1 << 16;  // elements a partial sum

const AdamWTable& table() {
  return pick(isa_portable::kAdamWTable, adamw_table_avx2(), adamw_table_avx512());
}

}  // namespace

void adamw_step(const AdamW& how, float rate, float weight_decay, int64_t n, float* weight,
                const float* gradient, float* m, float* v, bf16* compute) {
  GANTRY_CHECK(how.step >= 1 && n >= 0);
  const double t = static_cast<double>(how.step);
  AdamWConstants k;
  k.gradient_scale = how.gradient_scale;
  k.keep = static_cast<float>(1.0 - static_cast<double>(rate) * weight_decay);
  k.beta1 = static_cast<float>(how.beta1);
  k.one_minus_beta1 = static_cast<float>(1.0 - how.beta1);
  k.beta2 = static_cast<float>(how.beta2);
  k.one_minus_beta2 = static_cast<float>(1.0 - how.beta2);
  k.step_size = static_cast<float>(rate / (1.0 - std::pow(how.beta1, t)));
  k.root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(how.beta2, t)));
  k.eps = static_cast<float>(how.eps);
  const AdamWTable& kernels = table();
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    kernels.step(k, end - begin, weight + begin, gradient + begin, m + begin, v + begin,
                 compute ? compute + begin : nullptr);
  });
}

double sum_of_squares(const float* x, int64_t n) {
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  double* partials = scratch<double>(Slot::kPartials, std::max<int64_t>(chunks, 1));
  const AdamWTable& kernels = table();
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      partials[c] = kernels.sum_of_squares(x + c * kChunk, std::min(kChunk, n - c * kChunk));
    }
  });
  double sum = 0;
  for (int64_t c = 0; c < chunks; ++c) sum += partials[c];
  return sum;
}

void scale_in_place(float* x, int64_t n, float factor) {
  const AdamWTable& kernels = table();
  parallel_for(n, kGrain,
               [&](int64_t begin, int64_t end) { kernels.scale(x + begin, end - begin, factor); });
}

void fill_zero(void* data, int64_t bytes) {
  parallel_for(bytes, kGrain * 8, [&](int64_t begin, int64_t end) {
    std::memset(static_cast<char*>(data) + begin, 0, static_cast<size_t>(end - begin));
  });
}

}  // namespace gantry
