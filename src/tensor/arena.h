// All memory of a run, known before it starts: a list of tensor specs, one allocation, a table to
// print.
//
//   TensorSpecs specs;
//   int x = specs.add("block 0 x", {rows, 384}, DType::kBf16, "activations");
//   specs.overlay("training scratch", "evaluation scratch");  // never alive together: same place
//   Arena arena(specs, memory_limit);                          // Error E0601 if it does not fit
//   Matrix<bf16> m = arena.matrix<bf16>(x);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

enum class DType { kF32, kBf16, kI32, kU32, kI64, kU64, kF64, kI8, kU8 };
int64_t dtype_bytes(DType dtype);
const char* dtype_name(DType dtype);

template <typename T>
struct DTypeOf;
// clang-format off
template <> struct DTypeOf<float> { static constexpr DType value = DType::kF32; };
template <> struct DTypeOf<bf16> { static constexpr DType value = DType::kBf16; };
template <> struct DTypeOf<int32_t> { static constexpr DType value = DType::kI32; };
template <> struct DTypeOf<uint32_t> { static constexpr DType value = DType::kU32; };
template <> struct DTypeOf<int64_t> { static constexpr DType value = DType::kI64; };
template <> struct DTypeOf<uint64_t> { static constexpr DType value = DType::kU64; };
template <> struct DTypeOf<double> { static constexpr DType value = DType::kF64; };
template <> struct DTypeOf<int8_t> { static constexpr DType value = DType::kI8; };
template <> struct DTypeOf<uint8_t> { static constexpr DType value = DType::kU8; };
// clang-format on

struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype = DType::kF32;
  std::string
      group;  // what it is for and how long it lives: "weights", "gradients", "activations", ...

  int64_t elements() const;
  int64_t bytes() const;  // rounded up to 64
};

class TensorSpecs {
 public:
  // Returns the tensor's number, which Arena takes.
  int add(std::string name, std::vector<int64_t> shape, DType dtype, std::string group);
  // The tensors of group b lie over those of group a: the two are never alive together.
  void overlay(const std::string& a, const std::string& b);

  const std::vector<TensorSpec>& specs() const { return specs_; }
  // Byte offset of each tensor, 64-byte aligned, and the size of the whole.
  std::pair<std::vector<int64_t>, int64_t> layout() const;
  int64_t total_bytes() const { return layout().second; }
  // "group  tensors  MiB" lines, largest first, and the total.
  std::string table() const;

 private:
  std::vector<TensorSpec> specs_;
  std::vector<std::pair<std::string, std::string>> overlays_;
};

class Arena {
 public:
  // One zeroed allocation, 64-byte aligned, huge pages advised. memory_limit in bytes, 0: none.
  // Error E0601: larger than memory_limit (the message holds the table). Error E0602: the system
  // refused.
  explicit Arena(const TensorSpecs& specs, int64_t memory_limit = 0);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <typename T>
  T* data(int tensor) const {
    return static_cast<T*>(at(tensor, DTypeOf<T>::value));
  }
  // The first dimension is rows, the product of the others cols.
  template <typename T>
  Matrix<T> matrix(int tensor) const {
    const TensorSpec& spec = specs_[static_cast<size_t>(tensor)];
    const int64_t rows = spec.shape.empty() ? 1 : spec.shape[0];
    return {data<T>(tensor), rows, rows ? spec.elements() / rows : 0};
  }
  int64_t bytes() const { return bytes_; }

 private:
  void* at(int tensor, DType dtype) const;  // CHECKs the element type

  std::vector<TensorSpec> specs_;
  std::vector<int64_t> offsets_;
  std::byte* memory_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace gantry
