// Times every operation at the shapes of one training step: milliseconds, GFLOP/s, share of the
// matrix ceiling, and what a whole step of the model is made of.
//
//   ops_bench [small|base] [rows] [mean length] [float|bf16] [threads]
//
// Each figure is the best of many short runs; with one thread, of time on its core, so that other
// programs on the machine count little.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/threads.h"
#include "ops/adamw.h"
#include "ops/attention.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/peak.h"
#include "tensor/instruction_set.h"

namespace gantry {
namespace {

struct Model {
  const char* name;
  int64_t layers, width, heads, mlp, words;
};
constexpr Model kSmall = {"multilingual-e5-small", 12, 384, 12, 1536, 6000};
constexpr Model kBase = {"BERT-base", 12, 768, 12, 3072, 32000};

double seconds() {
  timespec t;
  clock_gettime(thread_count() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double best_seconds(const std::function<void()>& body) {
  double best = 1e9;
  const double start = seconds();
  for (int run = 0; run < 400; ++run) {
    const double begin = seconds();
    body();
    const double end = seconds();
    best = std::min(best, end - begin);
    if (run >= 2 && end - start > 0.7) break;
  }
  return best;
}

template <typename T>
std::vector<T> random_data(int64_t n, uint64_t seed, double spread) {
  Random random(seed);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) x = from_float<T>(static_cast<float>(spread * (random.uniform() - 0.5)));
  return v;
}

class Table {
 public:
  explicit Table(double peak) : peak_(peak) {
    std::printf("%-34s %9s %9s %7s %6s %8s\n", "operation", "ms", "GFLOP/s", "% peak", "times",
                "ms/step");
  }
  void add(const char* name, double flops, int64_t times, const std::function<void()>& body) {
    const double s = best_seconds(body);
    total_ += s * static_cast<double>(times);
    flops_ += flops * static_cast<double>(times);
    std::printf("%-34s %9.3f %9.1f %7.1f %6lld %8.2f\n", name, s * 1e3, flops / s * 1e-9,
                100 * flops / s / peak_, static_cast<long long>(times),
                s * 1e3 * static_cast<double>(times));
    std::fflush(stdout);
  }
  void total(int64_t tokens, double weight_flops) const {
    std::printf(
        "one step %.1f ms: %.0f tokens/s, %.1f %% of the matrix ceiling (6 flop a weight)\n",
        total_ * 1e3, static_cast<double>(tokens) / total_, 100 * weight_flops / total_ / peak_);
  }

 private:
  double peak_, total_ = 0, flops_ = 0;
};

template <typename T>
void run(const Model& m, int64_t rows, int64_t length) {
  const int64_t h = m.width, f = m.mlp;
  const double peak = matrix_peak(sizeof(T) == 2);
  std::printf("%s, %lld rows of reports of %lld tokens, %s, %d threads, %s, ceiling %.0f GFLOP/s\n",
              m.name, static_cast<long long>(rows), static_cast<long long>(length),
              sizeof(T) == 2 ? "bf16" : "float", thread_count(),
              instruction_set_name(instruction_set()), peak * 1e-9);
  std::vector<int32_t> cu = {0};
  while (cu.back() + length * 3 / 2 <= rows) {  // lengths of 0.5 to 1.5 times the mean
    const int64_t n = length / 2 + static_cast<int64_t>(cu.size()) * 37 % length;
    cu.push_back(static_cast<int32_t>(cu.back() + n));
  }
  cu.push_back(static_cast<int32_t>(rows));
  std::vector<uint64_t> keys(static_cast<size_t>(rows));
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = mix64(i);
  const Dropout drop{0.1f, keys.data(), 3};

  std::vector<T> x = random_data<T>(rows * h, 1, 2), y(x.size()),
                 dx = random_data<T>(rows * h, 2, 2), saved(x.size()),
                 dy = random_data<T>(rows * h, 3, 1);
  std::vector<T> qkv = random_data<T>(rows * 3 * h, 4, 2), dqkv(qkv.size());
  std::vector<T> u = random_data<T>(rows * f, 5, 4), g = random_data<T>(rows * f, 6, 1);
  std::vector<float> w = random_data<float>(f * h, 7, 0.1), dw(w.size()),
                     bias(static_cast<size_t>(f)), mean(static_cast<size_t>(rows)),
                     rstd(static_cast<size_t>(rows)), lse(static_cast<size_t>(rows * m.heads)),
                     gamma(static_cast<size_t>(h), 1.0f);
  const Matrix<T> X(x.data(), rows, h), Y(y.data(), rows, h), DX(dx.data(), rows, h),
      DY(dy.data(), rows, h), S(saved.data(), rows, h), QKV(qkv.data(), rows, 3 * h),
      DQKV(dqkv.data(), rows, 3 * h), U(u.data(), rows, f), G(g.data(), rows, f);
  const auto product = [&](int64_t in, int64_t out) { return 2.0 * rows * in * out; };
  Table t(peak);
  const auto linear = [&](const char* name, Matrix<T> in, Matrix<T> out, bool up, bool down) {
    Linear<T> layer(in.cols, out.cols, Linear<T>::kTrain);
    layer.pack(w.data());
    const double flops = product(in.cols, out.cols);
    const std::string n = name;
    t.add((n + " forward" + (up ? " + gelu" : "")).c_str(), flops, m.layers, [&] {
      if (up) {
        layer.forward(in, {bias.data(), Activation::kGelu, U, {}}, out);
      } else {
        layer.forward(in, {.bias = bias.data()}, out);
      }
    });
    t.add((n + " dX" + (down ? " * gelu'" : "")).c_str(), flops, m.layers, [&] {
      if (down) {
        layer.backward_data(out, {Activation::kGelu, U, {}}, in);
      } else {
        layer.backward_data(out, {}, in);
      }
    });
    t.add((n + " dW, db").c_str(), flops, m.layers,
          [&] { linear_backward_weight<T>(out, in, dw.data(), bias.data(), false); });
  };
  linear("qkv", X, QKV, false, false);
  linear("attention output", X, Y, false, false);
  linear("mlp up", X, G, true, false);
  linear("mlp down", G, X, false, true);

  const AttentionShape shape{.heads = m.heads, .head_size = h / m.heads};
  double scores = 0;
  for (size_t i = 0; i + 1 < cu.size(); ++i) {
    scores += static_cast<double>(cu[i + 1] - cu[i]) * (cu[i + 1] - cu[i]);
  }
  const std::vector<T> fresh = random_data<T>(rows * 3 * h, 4, 2);
  std::copy(fresh.begin(), fresh.end(), qkv.begin());
  t.add("attention forward", 4 * scores * h, m.layers,
        [&] { attention_forward<T>(shape, QKV, cu, drop, Y, lse.data()); });
  t.add("attention backward", 10 * scores * h, m.layers,
        [&] { attention_backward<T>(shape, QKV, cu, drop, Y, lse.data(), DY, DQKV); });

  const LayerNormWeights norm{gamma.data(), gamma.data(), 1e-12f};
  const LayerNormSaved<T> kept{S, mean.data(), rstd.data()};
  t.add("dropout + residual + norm", 0, 2 * m.layers,
        [&] { layer_norm_forward<T>(X, gamma.data(), DX, drop, norm, rows, kept, Y); });
  t.add("its backward", 0, 2 * m.layers, [&] {
    layer_norm_backward<T>(DY, DX, drop, norm, rows, kept,
                           {X, Y, bias.data(), bias.data() + h, bias.data() + 2 * h});
  });
  std::vector<float> words = random_data<float>(m.words * h, 8, 0.1), dwords(words.size()),
                     positions = random_data<float>(512 * h, 9, 0.1),
                     sums(static_cast<size_t>(rows * h));
  std::vector<int32_t> ids(static_cast<size_t>(rows)), at(ids.size());
  Random random(10);
  for (size_t i = 0; i < ids.size(); ++i) {
    const double z = random.uniform();  // frequent words are frequent
    ids[i] = static_cast<int32_t>(z * z * z * static_cast<double>(m.words - 1));
    at[i] = static_cast<int32_t>(i % static_cast<size_t>(length));
  }
  const EmbeddingTables tables{words.data(), positions.data(), nullptr, m.words, 512, 1};
  const EmbeddingIds entry{ids.data(), at.data(), nullptr, rows};
  t.add("embedding", 0, 1,
        [&] { embedding_forward<T>(tables, entry, norm, drop, mean.data(), rstd.data(), Y); });
  t.add("its backward", 0, 1, [&] {
    embedding_backward<T>(tables, entry, norm, drop, mean.data(), rstd.data(), DY, {},
                          {sums.data(), rows, h}, {dwords.data(), positions.data()});
  });
  const int64_t matrix_weights = m.layers * (4 * h * h + 2 * h * f);
  const int64_t n = matrix_weights + m.words * h;
  std::vector<float> weight(static_cast<size_t>(n), 0.1f), grad(weight), m1(weight), m2(weight);
  t.add("gradient norm", 0, 1,
        [&] { mean[0] = static_cast<float>(sum_of_squares(grad.data(), n)); });
  t.add("AdamW", 0, 1,
        [&] { adamw_step({}, 1e-5f, 0.01f, n, weight.data(), grad.data(), m1.data(), m2.data()); });
  t.total(rows, 6.0 * static_cast<double>(matrix_weights) * static_cast<double>(rows));
}

}  // namespace
}  // namespace gantry

int main(int argc, char** argv) {
  using namespace gantry;
  const Model& model = argc > 1 && !std::strcmp(argv[1], "base") ? kBase : kSmall;
  const int64_t rows = argc > 2 ? std::atoll(argv[2]) : 2400;
  const int64_t length = argc > 3 ? std::atoll(argv[3]) : 177;
  if (argc > 5) set_thread_count(std::atoi(argv[5]));
  if (argc > 4 && !std::strcmp(argv[4], "float")) {
    run<float>(model, rows, length);
  } else {
    run<bf16>(model, rows, length);
  }
}
