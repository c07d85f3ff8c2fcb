// The decoder's kernels one by one at a model's shapes: time of each in a LoRA step, and its share
// of the fp32 ceiling where it is a matrix product.
//
//   decoder_bench [rows=1056] [labels=160] [type=bf16] [shape=smollm2] [threads=N]
//
// shape: smollm2 or llama-2-7b. Times are processor time over threads, so that a busy machine does
// not flatter or slander; one layer's, times the layers.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/threads.h"
#include "ops/frozen_linear.h"
#include "ops/label_loss.h"
#include "ops/linear.h"
#include "ops/peak.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/segment_attention.h"
#include "ops/swiglu.h"

namespace gantry {
namespace {

struct Shape {
  int64_t hidden, layers, heads, kv_heads, head_size, mlp, vocabulary;
};

double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Buffer {
  std::vector<bf16> data;
  Matrix<bf16> m;
  Buffer(int64_t rows, int64_t cols)
      : data(static_cast<size_t>(rows * cols + 64)), m(data.data(), rows, cols) {
    Random random(static_cast<uint64_t>(rows * 31 + cols));
    for (bf16& x : data) x = to_bf16(static_cast<float>(random.uniform() - 0.5));
  }
};

class Bench {
 public:
  explicit Bench(double peak) : peak_(peak) {}

  // flops 0: not a product.
  void line(const std::string& name, double flops, double times,
            const std::function<void()>& body) {
    body();
    int n = 0;
    const double start = processor_seconds();
    double seconds = 0;
    do {
      body();
      ++n;
      seconds = processor_seconds() - start;
    } while (seconds < 0.25 * thread_count());
    seconds /= n * thread_count();
    total_ += seconds * times;
    useful_ += flops * times;
    if (flops > 0) {
      std::printf("%-28s %9.3f ms  %5.1f %% of the ceiling\n", name.c_str(), 1e3 * seconds * times,
                  100 * flops / seconds / peak_);
    } else {
      std::printf("%-28s %9.3f ms\n", name.c_str(), 1e3 * seconds * times);
    }
  }
  void total(double rows) const {
    std::printf("%-28s %9.3f ms  %5.1f %% of the ceiling, %.0f rows/s\n", "all", 1e3 * total_,
                100 * useful_ / total_ / peak_, rows / total_);
  }

 private:
  double peak_, total_ = 0, useful_ = 0;
};

struct Matrices {
  std::vector<uint8_t> bytes;
  FrozenLinear linear;
  Matrices(int64_t in, int64_t out, FrozenType type)
      : bytes(static_cast<size_t>(FrozenLinear::storage_bytes(in, out, type) + 64)) {
    const auto at = reinterpret_cast<uintptr_t>(bytes.data());
    linear = FrozenLinear(in, out, type, bytes.data() + (64 - at % 64) % 64);
    std::vector<float> rows(static_cast<size_t>(out * in));
    Random random(7);
    for (float& x : rows) x = static_cast<float>(random.uniform() - 0.5) * 0.1f;
    linear.pack(0, out, rows.data());
  }
};

void product(Bench& bench, const std::string& name, int64_t rows, int64_t in, int64_t out,
             FrozenType type, int pieces, double layers) {
  constexpr int64_t kRank = 16;
  const Matrices w(in, out, type);
  const Buffer x(rows, in), dx(rows, in), y(rows, out), low(rows, kRank * pieces);
  const std::vector<float> b(static_cast<size_t>(kRank * pieces * std::max(in, out)), 0.01f);
  std::vector<float> gradient(b.size());
  std::vector<LowRankTerm<bf16>> terms;
  const int64_t columns = out / pieces;
  for (int i = 0; i < pieces; ++i) {
    terms.push_back({low.m.col_range(i * kRank, kRank), b.data(), columns, i * columns, columns});
  }
  const LowRankTerm<bf16> back{low.m, b.data(), in, 0, in};
  const double r = static_cast<double>(rows), n = static_cast<double>(in * out),
               a = static_cast<double>(kRank * pieces * in), bs = static_cast<double>(kRank * out);
  bench.line(name + " forward", 2 * r * (n + bs), layers,
             [&] { w.linear.forward<bf16, bf16>(Matrix<const bf16>(x.m), terms, {}, y.m); });
  bench.line(name + " dx", 2 * r * (n + a), layers, [&] {
    w.linear.backward_data<bf16, bf16>(Matrix<const bf16>(y.m), {&back, 1}, {}, {}, dx.m);
  });
  Linear<bf16> to_low(in, kRank * pieces, Linear<bf16>::kTrain);
  to_low.pack(b.data());
  bench.line(name + " x A", 2 * r * a, layers, [&] { to_low.forward(x.m, {}, low.m); });
  bench.line(name + " dA", 2 * r * a, layers,
             [&] { linear_backward_weight<bf16>(low.m, x.m, gradient.data(), nullptr, true); });
  bench.line(name + " dB", 2 * r * bs, layers, [&] {
    for (int i = 0; i < pieces; ++i) {
      linear_backward_weight<bf16>(y.m.col_range(i * columns, columns),
                                   low.m.col_range(i * kRank, kRank), gradient.data(), nullptr,
                                   true);
    }
  });
  Linear<bf16> dy_b(columns, kRank, Linear<bf16>::kTrain);
  dy_b.pack(b.data());
  bench.line(name + " dy B", 2 * r * bs, layers, [&] {
    for (int i = 0; i < pieces; ++i) {
      dy_b.forward(y.m.col_range(i * columns, columns), {}, low.m.col_range(i * kRank, kRank));
    }
  });
}

void attention(Bench& bench, const Shape& s, int64_t rows) {
  const SegmentAttentionShape shape{
      .heads = s.heads, .kv_heads = s.kv_heads, .head_size = s.head_size};
  constexpr int32_t kText = 132;
  std::vector<AttentionSegment> segments;
  std::vector<int32_t> positions;
  for (int32_t row = 0; row < rows; row += kText) {
    const int32_t n = std::min<int32_t>(kText, static_cast<int32_t>(rows) - row);
    segments.push_back({-1, row, n, 0, row, n});
    for (int32_t i = 0; i < n; ++i) positions.push_back(i);
  }
  SegmentPlan plan;
  plan.set(segments, positions);
  const int64_t q = s.heads * s.head_size, kv = s.kv_heads * s.head_size;
  const Buffer qkv(rows, q + 2 * kv), d(rows, q + 2 * kv), ctx(rows, q), dctx(rows, q);
  std::vector<float> lse(static_cast<size_t>(s.heads * rows));
  const double layers = static_cast<double>(s.layers);
  const Matrix<bf16> qm = qkv.m.col_range(0, q), km = qkv.m.col_range(q, kv),
                     vm = qkv.m.col_range(q + kv, kv);
  bench.line("attention forward", 0, layers,
             [&] { segment_attention_forward<bf16>(shape, plan, qm, km, vm, ctx.m, lse.data()); });
  bench.line("attention backward", 0, layers, [&] {
    segment_attention_backward<bf16>(shape, plan, qm, km, vm, ctx.m, lse.data(), dctx.m,
                                     d.m.col_range(0, q), d.m.col_range(q, kv),
                                     d.m.col_range(q + kv, kv));
  });
  std::vector<double> frequencies(static_cast<size_t>(s.head_size / 2), 0.1);
  const RopeTable table(frequencies, kText);
  bench.line("rope, both ways", 0, 2 * layers,
             [&] { rope_rotate<bf16>(table, positions, false, qkv.m.col_range(0, q + kv)); });
}

void elements(Bench& bench, const Shape& s, int64_t rows) {
  const Buffer x(rows, s.hidden), y(rows, s.hidden), g(rows, s.hidden), gate_up(rows, 2 * s.mlp),
      dgate_up(rows, 2 * s.mlp), act(rows, s.mlp);
  const std::vector<float> gamma(static_cast<size_t>(s.hidden), 1.0f);
  std::vector<float> rstd(static_cast<size_t>(rows));
  const RmsNormWeights w{gamma.data(), 1e-5f};
  const double layers = static_cast<double>(s.layers);
  bench.line("norm forward", 0, 4 * layers,
             [&] { rms_norm_forward<bf16>(x.m, w, y.m, rstd.data()); });
  bench.line("norm backward", 0, 2 * layers,
             [&] { rms_norm_backward<bf16>(y.m, x.m, rstd.data(), w, g.m, g.m); });
  bench.line("swiglu forward", 0, 2 * layers, [&] { swiglu_forward<bf16>(gate_up.m, act.m); });
  bench.line("swiglu backward", 0, layers,
             [&] { swiglu_backward<bf16>(gate_up.m, act.m, dgate_up.m); });
}

void head(Bench& bench, const Shape& s, int64_t labels) {
  const Matrices w(s.hidden, s.vocabulary, FrozenType::bf16);
  const Buffer x(labels, s.hidden), dx(labels, s.hidden);
  std::vector<float> values(static_cast<size_t>(labels * s.vocabulary), 0.1f);
  const Matrix<float> logits(values.data(), labels, s.vocabulary);
  std::vector<int32_t> tokens(static_cast<size_t>(labels), 5);
  std::vector<float> factors(tokens.size(), 1e-3f), log_p(tokens.size());
  const double flops = 2.0 * static_cast<double>(labels * s.hidden) * double(s.vocabulary);
  bench.line("head forward", flops, 1,
             [&] { w.linear.forward<bf16, float>(Matrix<const bf16>(x.m), {}, {}, logits); });
  bench.line("loss", 0, 1,
             [&] { label_loss(logits, tokens.data(), factors.data(), log_p.data()); });
  bench.line("head dx", flops, 1, [&] {
    w.linear.backward_data<float, bf16>(Matrix<const float>(logits), {}, {}, {}, dx.m);
  });
}

}  // namespace
}  // namespace gantry

int main(int argc, char** argv) {
  using namespace gantry;
  std::map<std::string, std::string> options = {{"rows", "1056"},
                                                {"labels", "160"},
                                                {"type", "bf16"},
                                                {"shape", "smollm2"},
                                                {"threads", "0"}};
  for (int i = 1; i < argc; ++i) {
    const char* equals = std::strchr(argv[i], '=');
    if (equals) options[std::string(argv[i], static_cast<size_t>(equals - argv[i]))] = equals + 1;
  }
  set_thread_count(std::atoi(options["threads"].c_str()));
  FrozenType type = FrozenType::bf16;
  if (!frozen_type_of(options["type"], type)) return 2;
  const Shape s = options["shape"] == "llama-2-7b" ? Shape{4096, 32, 32, 32, 128, 11008, 32000}
                                                   : Shape{576, 30, 9, 3, 64, 1536, 49152};
  const int64_t rows = std::atoll(options["rows"].c_str());
  const double layers = static_cast<double>(s.layers);
  const int64_t q = s.heads * s.head_size, kv = s.kv_heads * s.head_size;
  const double peak = matrix_peak(false);
  std::printf("%d threads, fp32 ceiling %.0f GFLOP/s, base weights in %s, %lld rows\n",
              thread_count(), peak / 1e9, name_of(type), static_cast<long long>(rows));
  Bench bench(peak);
  product(bench, "q k v", rows, s.hidden, q + 2 * kv, type, 3, layers);
  product(bench, "out", rows, q, s.hidden, type, 1, layers);
  product(bench, "gate up", rows, s.hidden, 2 * s.mlp, type, 2, layers);
  product(bench, "down", rows, s.mlp, s.hidden, type, 1, layers);
  attention(bench, s, rows);
  elements(bench, s, rows);
  head(bench, s, std::atoll(options["labels"].c_str()));
  bench.total(static_cast<double>(rows));
}
