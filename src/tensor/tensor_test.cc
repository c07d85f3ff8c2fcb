#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/arena.h"
#include "tensor/bfloat16.h"
#include "tensor/instruction_set.h"

namespace gantry {
namespace {

std::vector<Isa> instruction_sets() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= best_instruction_set()) all.push_back(isa);
  }
  return all;
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bf16(1.00390625f).bits, 0x3f80);  // half way, down to even
  EXPECT_EQ(to_bf16(1.01171875f).bits, 0x3f82);  // half way, up to even
  EXPECT_EQ(to_bf16(std::nextafter(1.00390625f, 2.0f)).bits, 0x3f81);
  EXPECT_EQ(to_bf16(3.4e38f).bits, 0x7f80);  // above the largest: infinity
  EXPECT_EQ(to_bf16(-INFINITY).bits, 0xff80);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(BFloat16, ConvertIsTheSameForEveryInstructionSet) {
  std::vector<float> x;
  for (uint32_t u = 0x00800000; u < 0x7f800000; u += 0x1001f) {  // normal numbers of every size
    x.push_back(std::bit_cast<float>(u));
    x.push_back(-x.back());
  }
  const int64_t n = static_cast<int64_t>(x.size());
  for (Isa isa : instruction_sets()) {
    set_instruction_set(isa);
    std::vector<bf16> narrow(x.size());
    std::vector<float> wide(x.size());
    convert(x.data(), narrow.data(), n);
    convert(narrow.data(), wide.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(narrow[i].bits, to_bf16(x[i]).bits) << x[i];
      ASSERT_EQ(wide[i], to_float(narrow[i]));
    }
  }
  set_instruction_set(best_instruction_set());
}

TEST(Arena, LaysOutAndOverlays) {
  TensorSpecs specs;
  const int w = specs.add("w", {3, 5}, DType::kF32, "weights");        // 60 -> 64 bytes
  const int a = specs.add("a", {100}, DType::kBf16, "training");       // 200 -> 256
  const int b = specs.add("b", {7, 2, 3}, DType::kI32, "evaluation");  // 168 -> 192
  const int c = specs.add("c", {1}, DType::kU8, "training");           // 64
  const int last = specs.add("z", {16}, DType::kF32, "weights");
  specs.overlay("training", "evaluation");
  EXPECT_EQ(specs.total_bytes(), 64 + 64 + 256 + 64);
  Arena arena(specs, 1 << 20);
  EXPECT_EQ(static_cast<void*>(arena.data<bf16>(a)), static_cast<void*>(arena.data<int32_t>(b)));
  EXPECT_EQ(arena.data<float>(last) - arena.data<float>(w), 16);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.data<uint8_t>(c)) % 64, 0u);
  EXPECT_EQ(arena.matrix<int32_t>(b).rows, 7);
  EXPECT_EQ(arena.matrix<int32_t>(b).cols, 6);
  for (int i = 0; i < 15; ++i) EXPECT_EQ(arena.data<float>(w)[i], 0.0f);
  Arena moved = std::move(arena);
  EXPECT_NE(moved.data<float>(w), nullptr);
  EXPECT_NE(specs.table().find("weights"), std::string::npos);
  EXPECT_NE(specs.table().find("over another"), std::string::npos);
}

TEST(Arena, RefusesMoreThanAllowed) {
  TensorSpecs specs;
  specs.add("big", {1 << 20, 4}, DType::kF32, "activations");
  try {
    Arena arena(specs, 1 << 20);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0601");
    EXPECT_NE(e.message().find("activations"), std::string::npos);
  }
  TensorSpecs huge;
  huge.add("huge", {int64_t{1} << 50}, DType::kF32, "activations");
  EXPECT_THROW(Arena arena(huge), Error);
}

}  // namespace
}  // namespace gantry
