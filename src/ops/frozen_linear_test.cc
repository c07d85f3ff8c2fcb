#include "ops/frozen_linear.h"

#include "ops/nf4.h"
#include "ops/numeric_test.h"

namespace gantry {
namespace {

using namespace numeric;

struct Weight {
  std::vector<uint8_t> bytes;
  std::vector<float> master, seen;  // given, and as the products see it
  FrozenLinear linear;
  Weight(int64_t in, int64_t out, FrozenType type)
      : bytes(static_cast<size_t>(FrozenLinear::storage_bytes(in, out, type)) + 64),
        master(normals(in * out, 5, 0.05)),
        seen(master.size()) {
    uint8_t* aligned = bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
    linear = FrozenLinear(in, out, type, aligned);
    const int64_t first = out / 2 / 32 * 32;  // in two pieces
    if (first > 0) linear.pack(0, first, master.data());
    linear.pack(first, out - first, master.data() + first * in);
    for (int64_t r = 0; r < out; ++r) {
      linear.unpack_row(r, {seen.data() + r * in, static_cast<size_t>(in)});
    }
  }
};

struct Shape {
  int64_t rows, in, out;
};
constexpr Shape kShapes[] = {{1, 16, 32},   {3, 8, 5},      {14, 64, 48},  {33, 172, 40},
                             {200, 70, 96}, {45, 2100, 33}, {29, 40, 1300}};

template <typename Types>
class FrozenLinearTest : public testing::Test {};
template <typename A, typename B>
struct Pair {
  using X = A;
  using Y = B;
};
using Pairs = testing::Types<Pair<float, float>, Pair<bf16, bf16>, Pair<bf16, float>>;
TYPED_TEST_SUITE(FrozenLinearTest, Pairs);

// Both products, with two low-rank terms and something added, against fp64 on the unpacked weight.
TYPED_TEST(FrozenLinearTest, EqualsFp64) {
  using X = typename TypeParam::X;
  using Y = typename TypeParam::Y;
  for (const Shape& s : kShapes) {
    for (FrozenType type : {FrozenType::f32, FrozenType::bf16, FrozenType::int8, FrozenType::nf4}) {
      SCOPED_TRACE(std::string(name_of(type)) + " " + std::to_string(s.rows) + " " +
                   std::to_string(s.in) + " " + std::to_string(s.out));
      const Weight w(s.in, s.out, type);
      for (bool backward : {false, true}) {
        const int64_t k = backward ? s.out : s.in, n = backward ? s.in : s.out;
        const int64_t split = n / 3, ranks[2] = {5, 16};
        Tensor<X> x(s.rows, k, 3), low0(s.rows, ranks[0]), low1(s.rows, ranks[1], 2);
        Tensor<Y> add(s.rows, n, 1);
        fill_normal(x, 1);
        fill_normal(low0, 2);
        fill_normal(low1, 3);
        fill_normal(add, 4);
        const std::vector<float> b0 = normals(ranks[0] * n, 6), b1 = normals(ranks[1] * n, 7);
        std::vector<LowRankTerm<X>> terms;
        if (split > 0) terms.push_back({low0.m, b0.data(), n, 0, split});
        terms.push_back({low1.m, b1.data(), n, split, n - split});
        const std::vector<uint64_t> keys = row_keys(s.rows, 8);
        const Dropout mask{backward && s.rows % 2 ? 0.25f : 0.0f, keys.data(), 3};
        std::vector<double> want(static_cast<size_t>(s.rows * n));
        for (int64_t r = 0; r < s.rows; ++r) {
          for (int64_t c = 0; c < n; ++c) {
            double v = add.at(r, c), low = 0;
            for (int64_t i = 0; i < k; ++i) {
              v += double(x.at(r, i)) * w.seen[backward ? i * s.in + c : c * s.in + i];
            }
            for (int64_t i = 0; i < 5 && c < split; ++i)
              low += double(low0.at(r, i)) * b0[i * n + c];
            for (int64_t i = 0; i < 16 && c >= split; ++i) {
              low += double(low1.at(r, i)) * b1[i * n + c - split];
            }
            if (mask.active()) {
              low *= dropout_keeps(mask, r, static_cast<uint32_t>(c)) ? mask.scale() : 0;
            }
            want[r * n + c] = v + low;
          }
        }
        with_every_instruction_set([&] {
          Tensor<Y> y(s.rows, n, 2);
          if (backward) {
            w.linear.backward_data<X, Y>(x.m, terms, mask, add, y);
          } else {
            w.linear.forward<X, Y>(x.m, terms, add, y);
          }
          Distance d;
          for (int64_t r = 0; r < s.rows; ++r) {
            for (int64_t c = 0; c < n; ++c) d.add(y.at(r, c), want[r * n + c]);
          }
          EXPECT_LT(d.relative(), tolerance<Y>()) << (backward ? "backward" : "forward");
        });
      }
    }
  }
}

TEST(FrozenLinear, StoredFormsAreAsNearAsTheyShouldBe) {
  const auto error = [](FrozenType type) {
    const Weight w(1024, 96, type);
    return relative_distance(w.seen, w.master, static_cast<int64_t>(w.seen.size()));
  };
  EXPECT_EQ(error(FrozenType::f32), 0);
  EXPECT_LT(error(FrozenType::bf16), 2e-3);
  EXPECT_LT(error(FrozenType::int8), 1e-2);
  // Normal weights in blocks of 64: 8.6 % by NF4 alone; the scales' own bytes add little.
  const double nf4 = error(FrozenType::nf4);
  EXPECT_LT(nf4, 0.1);
  EXPECT_GT(nf4, 0.07);
}

TEST(FrozenLinear, Nf4TakesFourAndAnEighthBits) {
  const double bits = 8.0 * FrozenLinear::storage_bytes(4096, 4096, FrozenType::nf4) / 4096 / 4096;
  EXPECT_LT(bits, 4.14);
  EXPECT_GT(bits, 4.12);
}

TEST(FrozenLinear, ZerosAndHugeRowsSurvive) {
  for (FrozenType type : {FrozenType::int8, FrozenType::nf4}) {
    std::vector<uint8_t> bytes(static_cast<size_t>(FrozenLinear::storage_bytes(128, 3, type)) + 64);
    uint8_t* aligned = bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
    FrozenLinear linear(128, 3, type, aligned);
    std::vector<float> w(3 * 128, 0.0f), row(128);
    for (int k = 0; k < 128; ++k) w[256 + k] = k % 2 ? 1e6f : -1e6f;
    linear.pack(0, 3, w.data());
    linear.unpack_row(1, row);
    for (float v : row) EXPECT_EQ(v, 0);
    linear.unpack_row(2, row);
    for (int k = 0; k < 128; ++k) EXPECT_NEAR(row[k], k % 2 ? 1e6f : -1e6f, 1);
  }
}

TEST(FrozenLinear, Nf4CodeIsTheNearestLevel) {
  for (int i = -2200; i <= 2200; ++i) {
    const float x = static_cast<float>(i) / 2000;
    const float clamped = std::clamp(x, -1.0f, 1.0f);
    float best = 9;
    for (float level : kNf4Levels) best = std::min(best, std::abs(level - clamped));
    EXPECT_EQ(std::abs(kNf4Levels[nf4_code(x)] - clamped), best) << x;
  }
}

TEST(FrozenLinear, SameBitsForAnyThreadsAndAnyOtherRows) {
  const Weight w(1500, 200, FrozenType::nf4);
  Tensor<bf16> x(300, 1500);
  fill_normal(x, 1);
  with_every_instruction_set([&] {
    const auto run = [&](int64_t from, int64_t rows, int64_t skip, int64_t keep) {
      Tensor<bf16> y(rows, 200);
      w.linear.forward<bf16, bf16>(Matrix<bf16>(x.m.row_range(from, rows)), {}, {}, y);
      std::vector<char> bytes;
      append_bytes(bytes, y.m.row(skip), keep * 200);
      return bytes;
    };
    expect_same_for_any_threads([&] { return run(0, 300, 0, 300); });
    EXPECT_TRUE(run(0, 300, 37, 21) == run(37, 21, 0, 21));
  });
}

}  // namespace
}  // namespace gantry
