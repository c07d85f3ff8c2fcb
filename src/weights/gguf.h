// GGUF files (llama.cpp's format, versions 2 and 3): metadata and a directory of tensors, then the
// data. Little-endian; every count, length and offset is checked against the file.
//
//   GgufFile file = GgufFile::open("SmolLM2-135M-Instruct.Q4_1.gguf");
//   int64_t layers = file.integer("llama.block_count");
//   std::vector<float> w = file.read_f32("blk.0.attn_q.weight");
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/file.h"
#include "weights/block_types.h"

namespace gantry {

// Integers of any width are int64_t (a u64 beyond it is refused), f32 and f64 are double.
using GgufValue = std::variant<bool, int64_t, double, std::string, std::vector<bool>,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  BlockType type = BlockType::f32;
  std::vector<int64_t> shape;      // row-major, outermost first (the file has it reversed)
  std::span<const uint8_t> bytes;  // in the mapped file

  int64_t elements() const;
};

class GgufFile {
 public:
  // Errors E0101; E0441 (damaged or not GGUF), E0442 (a tensor type that Gantry does not read).
  static GgufFile open(const std::filesystem::path& path);
  // From memory, which must outlive the object; `label` stands for the file in Errors.
  static GgufFile parse(std::span<const uint8_t> bytes, std::string label);

  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in file order
  const GgufTensor* find(std::string_view name) const;                 // nullptr: not there

  bool has(const std::string& key) const { return metadata_.contains(key); }
  // One value of the metadata. Error E0443 when it is missing or of another type; a whole number
  // may stand where a number is asked for.
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  const std::vector<std::string>& texts(const std::string& key) const;

  // All values of a tensor, decoded. Errors E0403 (no such tensor), E0404 (NaN or infinite).
  std::vector<float> read_f32(std::string_view name) const;
  void read_f32(std::string_view name, std::span<float> out) const;
  // Chosen rows of a matrix, in the order asked for.
  void read_rows_f32(std::string_view name, std::span<const int32_t> rows,
                     std::span<float> out) const;
  // Decodes everything; Error E0404 naming the first tensor with a NaN or an infinite value.
  void check_finite() const;

 private:
  GgufFile() = default;
  const GgufTensor& tensor(std::string_view name) const;
  template <typename T>
  const T& value(const std::string& key, const char* type) const;

  std::unique_ptr<MappedFile> map_;
  std::string label_;
  std::map<std::string, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, size_t> by_name_;
};

}  // namespace gantry
