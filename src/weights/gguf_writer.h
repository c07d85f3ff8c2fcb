// Writes a GGUF file, version 3: metadata, directory, then the tensors one after the other, only
// the piece being written in memory. Nothing remains of it unless commit() is reached.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weights/gguf.h"

namespace gantry {

struct GgufTensorPlan {
  std::string name;
  BlockType type = BlockType::f32;  // of those in block_encode.h
  std::vector<int64_t> shape;       // row-major, outermost first
};

// Whole numbers are written as u32 (i64 where they do not fit), lists of them as i32, real numbers
// as f32: the widths that llama.cpp asks for.
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

class GgufWriter {
 public:
  // Error E0102.
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
             std::vector<GgufTensorPlan> tensors);
  ~GgufWriter();
  // The next whole rows of the tensor that is being written, crossing into the next as they come.
  void append(std::span<const float> values);
  // A programming mistake (CHECK) when values are missing.
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry
