#include "weights/gguf.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/strings.h"
#include "base/threads.h"
#include "weights/byte_reader.h"
#include "weights/safetensors.h"
#include "weights/stored_type.h"

namespace gantry {
namespace {

constexpr uint64_t kMaxName = 1 << 16;
constexpr int64_t kMaxGgufElements = int64_t{1} << 40;
constexpr uint64_t kMaxArray = uint64_t{1} << 26;

[[noreturn]] void damaged_gguf(const std::string& label, const std::string& what) {
  throw Error("E0441", label + ": " + what,
              "The file is damaged, cut short or not GGUF: copy it again and compare its SHA-256 "
              "with the source.");
}

std::string quoted_name(std::string_view name) {
  std::string text;
  for (char c : name.substr(0, 120)) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return "'" + text + "'";
}

// gguf_metadata_value_type.
enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

template <typename Reader>
class MetadataReader {
 public:
  MetadataReader(Reader& in, const std::string& label) : in_(in), label_(label) {}

  std::string text(uint64_t limit) {
    const auto length = in_.template number<uint64_t>();
    if (length > limit) damaged_gguf(label_, "a text of " + std::to_string(length) + " bytes");
    return std::string(in_.text(length));
  }

  GgufValue value(uint32_t type) {
    switch (type) {
      case kBool:
        return in_.template number<uint8_t>() != 0;
      case kF32:
      case kF64:
        return real(type);
      case kString:
        return text(in_.left());
      case kArray:
        return array();
      default:
        return integer(type);
    }
  }

 private:
  int64_t integer(uint32_t type) {
    switch (type) {
      case kU8:
        return in_.template number<uint8_t>();
      case kI8:
        return in_.template number<int8_t>();
      case kU16:
        return in_.template number<uint16_t>();
      case kI16:
        return in_.template number<int16_t>();
      case kU32:
        return in_.template number<uint32_t>();
      case kI32:
        return in_.template number<int32_t>();
      case kI64:
        return in_.template number<int64_t>();
      case kU64: {
        const auto value = in_.template number<uint64_t>();
        if (value > INT64_MAX) damaged_gguf(label_, "a number beyond 63 bits");
        return static_cast<int64_t>(value);
      }
      default:
        damaged_gguf(label_, "metadata of the unknown type " + std::to_string(type));
    }
  }

  double real(uint32_t type) {
    return type == kF32 ? static_cast<double>(in_.template number<float>())
                        : in_.template number<double>();
  }

  template <typename T, typename Next>
  std::vector<T> many(uint64_t count, const Next& next) {
    std::vector<T> values;
    for (uint64_t i = 0; i < count; ++i) values.push_back(next());
    return values;
  }

  GgufValue array() {
    const auto type = in_.template number<uint32_t>();
    const auto count = in_.template number<uint64_t>();
    if (count > std::min(kMaxArray, in_.left()))
      damaged_gguf(label_, "an array longer than the file");
    switch (type) {
      case kBool:
        return many<bool>(count, [&] { return in_.template number<uint8_t>() != 0; });
      case kF32:
      case kF64:
        return many<double>(count, [&] { return real(type); });
      case kString:
        return many<std::string>(count, [&] { return text(in_.left()); });
      case kArray:
        damaged_gguf(label_, "an array of arrays");
      default:
        return many<int64_t>(count, [&] { return integer(type); });
    }
  }

  Reader& in_;
  const std::string& label_;
};

struct DirectoryEntry {
  GgufTensor tensor;
  uint64_t offset;
};

template <typename Reader>
DirectoryEntry read_directory_entry(Reader& in, MetadataReader<Reader>& metadata,
                                    const std::string& label) {
  DirectoryEntry entry;
  GgufTensor& tensor = entry.tensor;
  tensor.name = metadata.text(kMaxName);
  const auto dimensions = in.template number<uint32_t>();
  if (dimensions > 4)
    damaged_gguf(label, "tensor " + quoted_name(tensor.name) + " has too many dimensions");
  int64_t elements = 1;
  for (uint32_t d = 0; d < dimensions; ++d) {
    const auto size = in.template number<uint64_t>();
    if (size == 0 || size > static_cast<uint64_t>(kMaxGgufElements / elements)) {
      damaged_gguf(label, "tensor " + quoted_name(tensor.name) + " has an impossible shape");
    }
    elements *= static_cast<int64_t>(size);
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
  }
  const auto type = in.template number<uint32_t>();
  entry.offset = in.template number<uint64_t>();
  const auto known = block_type_of(type);
  if (!known) {
    throw Error(
        "E0442",
        label + ": tensor " + quoted_name(tensor.name) + " is of ggml type " + std::to_string(type),
        "Gantry reads F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K: "
        "take a file in one of these.");
  }
  tensor.type = *known;
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % block_elements(tensor.type) != 0) {
    damaged_gguf(label, "tensor " + quoted_name(tensor.name) + " has rows of " +
                            std::to_string(row) + ", not a multiple of its blocks");
  }
  return entry;
}

uint64_t alignment_of(const std::map<std::string, GgufValue>& metadata, const std::string& label) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return 32;
  const int64_t* given = std::get_if<int64_t>(&found->second);
  if (!given || *given < 1 || *given > 65536 || (*given & (*given - 1)) != 0) {
    damaged_gguf(label, "general.alignment is not a power of two");
  }
  return static_cast<uint64_t>(*given);
}

// Sets each tensor's bytes; tensors must lie inside the data and not on one another.
void place_tensors(std::vector<DirectoryEntry>& entries, std::span<const uint8_t> data,
                   uint64_t alignment, const std::string& label) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (DirectoryEntry& entry : entries) {
    GgufTensor& tensor = entry.tensor;
    const auto bytes = static_cast<uint64_t>(tensor.elements() / block_elements(tensor.type) *
                                             block_bytes(tensor.type));
    if (entry.offset % alignment != 0 || entry.offset > data.size() ||
        bytes > data.size() - entry.offset) {
      damaged_gguf(label, "tensor " + quoted_name(tensor.name) + " lies outside the file");
    }
    tensor.bytes = data.subspan(entry.offset, bytes);
    ranges.emplace_back(entry.offset, entry.offset + bytes);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) damaged_gguf(label, "tensors overlap");
  }
}

}  // namespace

int64_t GgufTensor::elements() const {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

GgufFile GgufFile::parse(std::span<const uint8_t> bytes, std::string label) {
  GgufFile file;
  file.label_ = std::move(label);
  const std::string& name = file.label_;
  ByteReader in(bytes, [&name] { damaged_gguf(name, "cut short"); });
  if (in.text(4) != "GGUF") damaged_gguf(name, "does not begin with GGUF");
  const auto version = in.number<uint32_t>();
  if (version != 2 && version != 3) {
    damaged_gguf(name, "version " + std::to_string(version) + ", not 2 or 3");
  }
  const auto tensor_count = in.number<uint64_t>(), value_count = in.number<uint64_t>();
  MetadataReader reader(in, name);
  for (uint64_t i = 0; i < value_count; ++i) {
    const std::string key = reader.text(kMaxName);
    if (!file.metadata_.emplace(key, reader.value(in.number<uint32_t>())).second) {
      damaged_gguf(name, quoted_name(key) + " is given twice");
    }
  }
  std::vector<DirectoryEntry> entries;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    entries.push_back(read_directory_entry(in, reader, name));
    if (!file.by_name_.emplace(entries.back().tensor.name, i).second) {
      damaged_gguf(name, "tensor " + quoted_name(entries.back().tensor.name) + " is listed twice");
    }
  }
  const uint64_t alignment = alignment_of(file.metadata_, name);
  const uint64_t data_at = (in.position() + alignment - 1) / alignment * alignment;
  if (!entries.empty() && data_at > bytes.size()) damaged_gguf(name, "cut short");
  place_tensors(entries, entries.empty() ? bytes.first(0) : bytes.subspan(data_at), alignment,
                name);
  for (DirectoryEntry& entry : entries) file.tensors_.push_back(std::move(entry.tensor));
  return file;
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  auto map = std::make_unique<MappedFile>(path);
  GgufFile file = parse(map->bytes(), path.string());
  file.map_ = std::move(map);
  return file;
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

const GgufTensor& GgufFile::tensor(std::string_view name) const {
  if (const GgufTensor* found = find(name)) return *found;
  std::vector<std::string> names;
  for (const GgufTensor& tensor : tensors_) names.push_back(tensor.name);
  const std::string near = nearest_word(name, names);
  throw Error("E0403",
              label_ + ": no tensor " + quoted_name(name) +
                  (near.empty() ? "" : "; the nearest is " + quoted_name(near)),
              "The file does not hold the architecture that its metadata names.");
}

template <typename T>
const T& GgufFile::value(const std::string& key, const char* type) const {
  const auto found = metadata_.find(key);
  const T* value = found == metadata_.end() ? nullptr : std::get_if<T>(&found->second);
  if (value) return *value;
  throw Error("E0443",
              label_ + ": " + (found == metadata_.end() ? "no " + key : key + " is not " + type),
              "The file is incomplete or of an architecture that Gantry does not read.");
}

int64_t GgufFile::integer(const std::string& key) const {
  return value<int64_t>(key, "a whole number");
}
double GgufFile::number(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found != metadata_.end() && std::holds_alternative<int64_t>(found->second)) {
    return static_cast<double>(std::get<int64_t>(found->second));
  }
  return value<double>(key, "a number");
}
const std::string& GgufFile::text(const std::string& key) const {
  return value<std::string>(key, "a text");
}
const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  return value<std::vector<int64_t>>(key, "a list of whole numbers");
}
const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  return value<std::vector<double>>(key, "a list of numbers");
}
const std::vector<std::string>& GgufFile::texts(const std::string& key) const {
  return value<std::vector<std::string>>(key, "a list of texts");
}

namespace {

[[noreturn]] void not_finite(const std::string& label, const std::string& name) {
  throw Error("E0404",
              label + ": tensor " + quoted_name(name) + " holds a NaN or an infinite value",
              "The file is damaged or its quantisation failed: take another one.");
}

}  // namespace

void GgufFile::read_f32(std::string_view name, std::span<float> out) const {
  const GgufTensor& from = tensor(name);
  GANTRY_CHECK_MSG(static_cast<int64_t>(out.size()) == from.elements(), from.name);
  const int64_t per_block = block_elements(from.type), size = block_bytes(from.type);
  std::atomic<bool> finite{true};
  parallel_for(from.elements() / per_block, 4096, [&](int64_t begin, int64_t end) {
    const auto values = out.subspan(static_cast<size_t>(begin * per_block),
                                    static_cast<size_t>((end - begin) * per_block));
    blocks_to_float(from.type,
                    from.bytes.subspan(static_cast<size_t>(begin * size),
                                       static_cast<size_t>((end - begin) * size)),
                    values);
    if (first_not_finite(values) >= 0) finite = false;
  });
  if (!finite) not_finite(label_, from.name);
}

std::vector<float> GgufFile::read_f32(std::string_view name) const {
  std::vector<float> values(static_cast<size_t>(tensor(name).elements()));
  read_f32(name, values);
  return values;
}

void GgufFile::read_rows_f32(std::string_view name, std::span<const int32_t> rows,
                             std::span<float> out) const {
  const GgufTensor& from = tensor(name);
  GANTRY_CHECK_MSG(from.shape.size() == 2, from.name);
  const auto width = static_cast<size_t>(from.shape[1]);
  const size_t row_bytes = from.bytes.size() / static_cast<size_t>(from.shape[0]);
  GANTRY_CHECK_MSG(out.size() == rows.size() * width, from.name);
  for (size_t i = 0; i < rows.size(); ++i) {
    GANTRY_CHECK_MSG(rows[i] >= 0 && rows[i] < from.shape[0], from.name);
    const auto row = out.subspan(i * width, width);
    blocks_to_float(from.type,
                    from.bytes.subspan(static_cast<size_t>(rows[i]) * row_bytes, row_bytes), row);
    if (first_not_finite(row) >= 0) not_finite(label_, from.name);
  }
}

void GgufFile::check_finite() const {
  constexpr int64_t kBlocks = 256;
  std::vector<float> piece;
  for (const GgufTensor& from : tensors_) {
    const int64_t per_block = block_elements(from.type), size = block_bytes(from.type);
    const int64_t blocks = from.elements() / per_block;
    for (int64_t begin = 0; begin < blocks; begin += kBlocks) {
      const int64_t count = std::min(kBlocks, blocks - begin);
      piece.resize(static_cast<size_t>(count * per_block));
      blocks_to_float(
          from.type,
          from.bytes.subspan(static_cast<size_t>(begin * size), static_cast<size_t>(count * size)),
          piece);
      if (first_not_finite(piece) >= 0) not_finite(label_, from.name);
    }
  }
}

}  // namespace gantry
