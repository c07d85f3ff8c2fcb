#include "ops/linear_onednn.h"

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

#include "base/error.h"

namespace gantry {
namespace {

using dnnl::memory;
using Type = memory::data_type;

bool onednn_has_amx() {
  const auto isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const auto amx = static_cast<int>(dnnl::cpu_isa::avx512_core_amx);
  return (isa & amx) == amx;
}

std::atomic<bool>& switch_on() {
  static std::atomic<bool> on{onednn_has_amx()};
  return on;
}

// One side of a product: element (r, c) lies at data[r * row_stride + c * col_stride].
struct Side {
  const void* data;
  int64_t row_stride, col_stride;
};

// [m, k] x [k, n] = [m, n].
struct Product {
  int64_t m, k, n;
  Side a, b, c;
  Type c_type;
  const float* bias;  // [n] or null
  bool accumulate;
};

memory::desc describe(int64_t rows, int64_t cols, const Side& side, Type type) {
  return {{rows, cols}, type, memory::dims{side.row_stride, side.col_stride}};
}

// Primitives by shape: a run has few, and making one takes longer than looking it up.
dnnl::matmul primitive(const Product& p, const dnnl::engine& engine) {
  using Key = std::array<int64_t, 12>;
  static std::mutex mutex;
  static std::map<Key, dnnl::matmul> known;
  const Key key = {p.m,
                   p.k,
                   p.n,
                   p.a.row_stride,
                   p.a.col_stride,
                   p.b.row_stride,
                   p.b.col_stride,
                   p.c.row_stride,
                   p.c.col_stride,
                   static_cast<int64_t>(p.c_type),
                   p.bias != nullptr,
                   p.accumulate};
  const std::lock_guard lock(mutex);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  const auto a = describe(p.m, p.k, p.a, Type::bf16), b = describe(p.k, p.n, p.b, Type::bf16),
             c = describe(p.m, p.n, p.c, p.c_type);
  const memory::desc bias({1, p.n}, Type::f32, memory::format_tag::ab);
  const auto desc = p.bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
  dnnl::primitive_attr attributes;
  if (p.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return known.emplace(key, dnnl::matmul({desc, attributes, engine})).first->second;
}

void run(const Product& p) {
  if (p.m == 0 || p.n == 0) return;
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  thread_local dnnl::stream stream(engine);
  const auto tensor = [&](const memory::desc& desc, const void* data) {
    return memory(desc, engine, const_cast<void*>(data));
  };
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, tensor(describe(p.m, p.k, p.a, Type::bf16), p.a.data)},
      {DNNL_ARG_WEIGHTS, tensor(describe(p.k, p.n, p.b, Type::bf16), p.b.data)},
      {DNNL_ARG_DST, tensor(describe(p.m, p.n, p.c, p.c_type), p.c.data)}};
  if (p.bias) {
    arguments.emplace(DNNL_ARG_BIAS, tensor({{1, p.n}, Type::f32, memory::format_tag::ab}, p.bias));
  }
  primitive(p, engine).execute(stream, arguments);
  stream.wait();
}

Side result(Matrix<bf16> y, float* sums) {
  return sums ? Side{sums, y.cols, 1} : Side{y.data, y.ld, 1};
}

}  // namespace

bool use_onednn() { return switch_on().load(std::memory_order_relaxed); }
void set_use_onednn(bool on) { switch_on() = on; }

void onednn_forward(Matrix<const bf16> x, const OneDnnWeight& w, const float* bias, Matrix<bf16> y,
                    float* sums) {
  run({x.rows,
       w.in,
       w.out,
       {x.data, x.ld, 1},
       {w.data, 1, w.in},
       result(y, sums),
       sums ? Type::f32 : Type::bf16,
       bias,
       false});
}

void onednn_backward_data(Matrix<const bf16> dy, const OneDnnWeight& w, Matrix<bf16> dx,
                          float* sums) {
  run({dy.rows,
       w.out,
       w.in,
       {dy.data, dy.ld, 1},
       {w.data, w.in, 1},
       result(dx, sums),
       sums ? Type::f32 : Type::bf16,
       nullptr,
       false});
}

void onednn_backward_weight(Matrix<const bf16> dy, Matrix<const bf16> x, float* dw,
                            bool accumulate) {
  run({dy.cols,
       dy.rows,
       x.cols,
       {dy.data, 1, dy.ld},
       {x.data, x.ld, 1},
       {dw, x.cols, 1},
       Type::f32,
       nullptr,
       accumulate});
}

}  // namespace gantry
