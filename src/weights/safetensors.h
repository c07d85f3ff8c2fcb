// Reading and writing safetensors: a little-endian u64 header length, a JSON header that gives each
// tensor's dtype, shape and byte range, then the data
// (github.com/huggingface/safetensors, "Format").
//
//   Safetensors weights = Safetensors::open("model/model.safetensors");   // or ...index.json
//   std::vector<float> w = weights.read_f32("encoder.layer.0.output.dense.weight");
//
//   SafetensorsWriter out("model.safetensors", {{"w", StoredType::f32, {2, 3}}});
//   out.append(values);   // the tensors in the given order, in pieces of any size
//   out.commit();
//
// Every offset is checked before a byte of data is touched, so that a damaged or hostile file ends
// in an Error that names the file and the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "weights/stored_type.h"

namespace gantry {

// A tensor as a weight file describes it. Row-major; shape {} is a scalar of one element.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<int64_t> shape;

  int64_t elements() const;
};
std::string shape_text(std::span<const int64_t> shape);  // "[384, 1536]"

// One file, or all shards of one index. Read-only and safe to share between threads.
class Safetensors {
 public:
  // `path` is a .safetensors file or a model.safetensors.index.json. Errors E0401 (damaged),
  // E0402 (the index and its shards disagree).
  static Safetensors open(const std::filesystem::path& path);
  // From bytes in memory, which must outlive the object; `label` stands for the file in Errors.
  static Safetensors parse(std::span<const uint8_t> bytes, std::string label);

  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  ~Safetensors();

  const std::vector<StoredTensor>& tensors() const { return tensors_; }  // by file, then offset
  const StoredTensor* find(std::string_view name) const;                 // nullptr: not there
  const std::vector<std::filesystem::path>& files() const { return files_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // The bytes of a tensor, mapped from the file. Error E0403 when there is no such tensor.
  std::span<const uint8_t> bytes(std::string_view name) const;
  // All values of a tensor as floats. Errors E0403; E0404 for a NaN or an infinite weight.
  std::vector<float> read_f32(std::string_view name) const;
  void read_f32(std::string_view name, std::span<float> out) const;
  // Chosen rows (of the first dimension), in the order asked for. Errors as above.
  void read_rows_f32(std::string_view name, std::span<const int32_t> rows,
                     std::span<float> out) const;
  // Reads everything; Error E0404 naming the first tensor with a NaN or an infinite value.
  void check_finite() const;

 private:
  Safetensors();
  struct Place;
  void add_file(const std::filesystem::path& file, std::span<const uint8_t> bytes);
  const Place& place(std::string_view name) const;

  std::vector<std::unique_ptr<MappedFile>> maps_;
  std::vector<std::filesystem::path> files_;
  std::vector<StoredTensor> tensors_;
  std::vector<Place> places_;
  std::unordered_map<std::string, size_t> by_name_;
  std::map<std::string, std::string> metadata_;
};

// Writes one file, streamed: only the piece being appended is in memory. Nothing remains of it
// unless commit() is reached (power loss included).
class SafetensorsWriter {
 public:
  // `tensors` in file order; types f32, f16 and bf16. `metadata` is joined to {"format": "pt"}.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<StoredTensor> tensors,
                    std::map<std::string, std::string> metadata = {});
  ~SafetensorsWriter();

  // The next values, row-major, crossing from one tensor into the next as they come.
  void append(std::span<const float> values);
  // Error E0102. A programming mistake (CHECK) when values are missing.
  void commit();

 private:
  void write_converted(StoredType type, std::span<const float> values);

  AtomicFile file_;
  std::vector<StoredTensor> tensors_;
  size_t current_ = 0;  // tensor being written
  int64_t done_ = 0;    // elements of it already written
  std::vector<uint8_t> piece_;
};

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};
// Small sets at once, all stored as `type`.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       StoredType type = StoredType::f32,
                       std::map<std::string, std::string> metadata = {});

}  // namespace gantry
