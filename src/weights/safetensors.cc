#include "weights/safetensors.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "base/threads.h"

namespace gantry {
namespace {

using nlohmann::json;

// Real headers stay below 1 MB (some 700 tensors of a 70 B model: 0.1 MB); the limit keeps a lying
// length from filling the memory.
constexpr uint64_t kMaxHeaderBytes = 16u << 20;
constexpr int64_t kMaxTensorElements = int64_t{1} << 40;

const char* const kDamaged =
    "The file is damaged, cut short or not safetensors: copy it again and compare its SHA-256 with "
    "the source.";

[[noreturn]] void damaged(const std::filesystem::path& file, const std::string& what) {
  throw Error("E0401", file.string() + ": " + what, kDamaged);
}

std::optional<StoredType> type_named(std::string_view name) {
  for (int t = 0; t <= static_cast<int>(StoredType::boolean); ++t) {
    if (name_of(static_cast<StoredType>(t)) == name) return static_cast<StoredType>(t);
  }
  return std::nullopt;
}

// A name as it may be shown: hostile files put anything there.
std::string tensor_called(std::string_view name) {
  std::string text;
  for (char c : name.substr(0, 120)) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return "tensor '" + text + (name.size() > 120 ? "...'" : "'");
}

// Parses a JSON object and refuses what the format has no use for: a key given twice (of which
// most parsers silently keep the last) and deep nesting.
json parse_header(std::string_view text, const std::filesystem::path& file) {
  std::set<std::string> keys;
  const auto look = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > 4) damaged(file, "the header is nested too deeply");
    if (event == json::parse_event_t::key && depth == 1 &&
        !keys.insert(parsed.get<std::string>()).second) {
      damaged(file, tensor_called(parsed.get<std::string>()) + " is listed twice");
    }
    return true;
  };
  try {
    json header = json::parse(text, look);
    if (!header.is_object()) damaged(file, "the header is not a JSON object");
    return header;
  } catch (const json::exception&) {
    damaged(file, "the header is not valid JSON");
  }
}

std::vector<int64_t> shape_of(const json& entry, const std::filesystem::path& file,
                              const std::string& name) {
  const auto found = entry.find("shape");
  if (found == entry.end() || !found->is_array())
    damaged(file, tensor_called(name) + " has no shape");
  std::vector<int64_t> shape;
  int64_t elements = 1;
  for (const json& d : *found) {
    if (!d.is_number_unsigned() || d.get<uint64_t>() > static_cast<uint64_t>(kMaxTensorElements)) {
      damaged(file, tensor_called(name) + " has an impossible shape");
    }
    shape.push_back(d.get<int64_t>());
    if (elements > 0 && shape.back() > kMaxTensorElements / elements) {
      damaged(file, tensor_called(name) + " has an impossible shape");
    }
    elements *= shape.back();
  }
  return shape;
}

struct DataRange {
  uint64_t begin, end;
};

DataRange range_of(const json& entry, const std::filesystem::path& file, const StoredTensor& tensor,
                   uint64_t data_bytes) {
  const auto found = entry.find("data_offsets");
  if (found == entry.end() || !found->is_array() || found->size() != 2 ||
      !(*found)[0].is_number_unsigned() || !(*found)[1].is_number_unsigned()) {
    damaged(file, tensor_called(tensor.name) + " has no data_offsets");
  }
  const DataRange range{(*found)[0].get<uint64_t>(), (*found)[1].get<uint64_t>()};
  if (range.begin > range.end || range.end > data_bytes) {
    damaged(file, tensor_called(tensor.name) + " lies at bytes " + std::to_string(range.begin) +
                      " to " + std::to_string(range.end) + " of " + std::to_string(data_bytes) +
                      " bytes of data");
  }
  const uint64_t expected = static_cast<uint64_t>(tensor.elements() * bytes_of(tensor.type));
  if (range.end - range.begin != expected) {
    damaged(file, tensor_called(tensor.name) + " of shape " + shape_text(tensor.shape) +
                      " and dtype " + std::string(name_of(tensor.type)) + " needs " +
                      std::to_string(expected) + " bytes but has " +
                      std::to_string(range.end - range.begin));
  }
  return range;
}

}  // namespace

int64_t StoredTensor::elements() const {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

struct Safetensors::Place {
  std::span<const uint8_t> bytes;
  size_t file;
};

Safetensors::Safetensors() = default;
Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;
Safetensors::~Safetensors() = default;

void Safetensors::add_file(const std::filesystem::path& file, std::span<const uint8_t> bytes) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) damaged(file, "shorter than 8 bytes");
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes) {
    damaged(file, "a header of " + std::to_string(header_bytes) + " bytes");
  }
  if (header_bytes > bytes.size() - sizeof header_bytes) {
    damaged(file, "the file ends inside its header");
  }
  const auto data = bytes.subspan(sizeof header_bytes + header_bytes);
  const json header = parse_header(
      {reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes, header_bytes}, file);

  struct Entry {
    StoredTensor tensor;
    DataRange range;
  };
  std::vector<Entry> entries;
  for (const auto& [name, entry] : header.items()) {
    if (!entry.is_object()) damaged(file, tensor_called(name) + " is not described");
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) {
        if (value.is_string()) metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    const auto dtype = entry.find("dtype");
    if (dtype == entry.end() || !dtype->is_string())
      damaged(file, tensor_called(name) + " has no dtype");
    const auto type = type_named(dtype->get<std::string>());
    if (!type) {
      throw Error(
          "E0405",
          file.string() + ": " + tensor_called(name) + " has dtype " + dtype->get<std::string>(),
          "Gantry reads F64, F32, F16, BF16 and integers: convert the weights to one of "
          "them.");
    }
    StoredTensor tensor{name, *type, shape_of(entry, file, name)};
    const DataRange range = range_of(entry, file, tensor, data.size());
    entries.push_back({std::move(tensor), range});
  }

  // The format allows neither overlaps nor holes, so the ranges must tile the data exactly.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.range.begin, a.range.end) < std::pair(b.range.begin, b.range.end);
  });
  uint64_t next = 0;
  for (const Entry& entry : entries) {
    if (entry.range.begin < next)
      damaged(file, tensor_called(entry.tensor.name) + " overlaps another");
    if (entry.range.begin > next)
      damaged(file, "a hole before " + tensor_called(entry.tensor.name));
    next = entry.range.end;
  }
  if (next != data.size()) {
    damaged(file, std::to_string(data.size() - next) + " bytes after the last tensor");
  }

  for (Entry& entry : entries) {
    if (!by_name_.emplace(entry.tensor.name, tensors_.size()).second) {
      throw Error("E0402",
                  file.string() + ": " + tensor_called(entry.tensor.name) + " is in two shards",
                  kDamaged);
    }
    places_.push_back(
        {data.subspan(entry.range.begin, entry.range.end - entry.range.begin), files_.size()});
    tensors_.push_back(std::move(entry.tensor));
  }
  files_.push_back(file);
}

Safetensors Safetensors::parse(std::span<const uint8_t> bytes, std::string label) {
  Safetensors result;
  result.add_file(label, bytes);
  return result;
}

namespace {

// weight_map of an index: tensor name -> shard. Shards must lie beside the index.
std::map<std::string, std::string> read_weight_map(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what) {
    throw Error("E0402", path.string() + ": " + what, kDamaged);
  };
  json index;
  try {
    index = json::parse(read_file(path));
  } catch (const json::exception&) {
    refuse("not valid JSON");
  }
  std::map<std::string, std::string> shard_of;
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    refuse("no weight_map");
  }
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) refuse(tensor_called(name) + ": the name of its shard is not a string");
    const std::filesystem::path file = shard.get<std::string>();
    if (file.empty() || file.filename() != file || file == ".." || file == ".") {
      refuse(tensor_called(name) + " is said to lie in '" + file.string() +
             "', outside the folder");
    }
    shard_of[name] = file.string();
  }
  if (shard_of.empty()) refuse("an empty weight_map");
  return shard_of;
}

}  // namespace

Safetensors Safetensors::open(const std::filesystem::path& path) {
  Safetensors result;
  const auto add = [&](const std::filesystem::path& file) {
    result.maps_.push_back(std::make_unique<MappedFile>(file));
    result.add_file(file, result.maps_.back()->bytes());
  };
  if (path.extension() != ".json") {
    add(path);
    return result;
  }
  const auto shard_of = read_weight_map(path);
  std::set<std::string> shards;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  for (const std::string& shard : shards) {
    if (!std::filesystem::exists(path.parent_path() / shard)) {
      throw Error("E0402", path.string() + ": the shard " + shard + " is not there",
                  "Copy all files of the model's folder.");
    }
    add(path.parent_path() / shard);
  }
  for (const auto& [name, shard] : shard_of) {
    const auto found = result.by_name_.find(name);
    if (found == result.by_name_.end() ||
        result.files_[result.places_[found->second].file].filename() != shard) {
      throw Error("E0402", path.string() + ": " + tensor_called(name) + " is not in " + shard,
                  kDamaged);
    }
  }
  return result;
}

const StoredTensor* Safetensors::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

const Safetensors::Place& Safetensors::place(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end()) {
    std::vector<std::string> names;
    for (const StoredTensor& tensor : tensors_) names.push_back(tensor.name);
    const std::string near = nearest_word(name, names);
    throw Error("E0403",
                (files_.empty() ? std::string("weights") : files_.front().string()) + ": no " +
                    tensor_called(name) + (near.empty() ? "" : "; the nearest is '" + near + "'"),
                "The file does not hold the architecture that config.json names: check that both "
                "come from the same model.");
  }
  return places_[found->second];
}

std::span<const uint8_t> Safetensors::bytes(std::string_view name) const {
  return place(name).bytes;
}

namespace {

[[noreturn]] void not_finite(const std::filesystem::path& file, std::string_view name,
                             int64_t position) {
  throw Error("E0404",
              file.string() + ": " + tensor_called(name) +
                  " holds a NaN or an infinite value (element " + with_commas(position) + ")",
              "The training that wrote it diverged or the file is damaged: take an earlier "
              "checkpoint or copy it again.");
}

}  // namespace

void Safetensors::read_f32(std::string_view name, std::span<float> out) const {
  const Place& from = place(name);
  const StoredTensor& tensor = *find(name);
  GANTRY_CHECK_MSG(static_cast<int64_t>(out.size()) == tensor.elements(), tensor.name);
  const int64_t size = bytes_of(tensor.type);
  const int64_t n = static_cast<int64_t>(out.size());
  std::atomic<int64_t> first_bad{n};
  parallel_for(n, 1 << 18, [&](int64_t begin, int64_t end) {
    const auto part = out.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    stored_to_float(tensor.type,
                    from.bytes.subspan(static_cast<size_t>(begin * size),
                                       static_cast<size_t>((end - begin) * size)),
                    part);
    const int64_t found = first_not_finite(part);
    if (found < 0) return;
    int64_t seen = first_bad.load();
    while (begin + found < seen && !first_bad.compare_exchange_weak(seen, begin + found)) {
    }
  });
  if (first_bad.load() < n) not_finite(files_[from.file], name, first_bad.load());
}

std::vector<float> Safetensors::read_f32(std::string_view name) const {
  place(name);
  std::vector<float> values(static_cast<size_t>(find(name)->elements()));
  read_f32(name, values);
  return values;
}

void Safetensors::read_rows_f32(std::string_view name, std::span<const int32_t> rows,
                                std::span<float> out) const {
  const Place& from = place(name);
  const StoredTensor& tensor = *find(name);
  GANTRY_CHECK_MSG(!tensor.shape.empty() && tensor.shape[0] > 0, tensor.name);
  const int64_t width = tensor.elements() / tensor.shape[0];
  GANTRY_CHECK_MSG(out.size() == rows.size() * static_cast<size_t>(width), tensor.name);
  const size_t row_bytes = static_cast<size_t>(width * bytes_of(tensor.type));
  for (size_t i = 0; i < rows.size(); ++i) {
    GANTRY_CHECK_MSG(rows[i] >= 0 && rows[i] < tensor.shape[0], tensor.name);
    const auto row = out.subspan(i * static_cast<size_t>(width), static_cast<size_t>(width));
    stored_to_float(tensor.type,
                    from.bytes.subspan(static_cast<size_t>(rows[i]) * row_bytes, row_bytes), row);
    const int64_t bad = first_not_finite(row);
    if (bad >= 0) not_finite(files_[from.file], name, rows[i] * width + bad);
  }
}

void Safetensors::check_finite() const {
  std::vector<float> piece(1 << 16);
  for (size_t t = 0; t < tensors_.size(); ++t) {
    if (!is_floating_point(tensors_[t].type)) continue;
    const int64_t size = bytes_of(tensors_[t].type), n = tensors_[t].elements();
    for (int64_t begin = 0; begin < n; begin += static_cast<int64_t>(piece.size())) {
      const auto values = std::span(piece).first(
          static_cast<size_t>(std::min(n - begin, static_cast<int64_t>(piece.size()))));
      stored_to_float(tensors_[t].type,
                      places_[t].bytes.subspan(static_cast<size_t>(begin * size),
                                               values.size() * static_cast<size_t>(size)),
                      values);
      const int64_t bad = first_not_finite(values);
      if (bad >= 0) not_finite(files_[places_[t].file], tensors_[t].name, begin + bad);
    }
  }
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<StoredTensor> tensors,
                                     std::map<std::string, std::string> metadata)
    : file_(path), tensors_(std::move(tensors)) {
  nlohmann::ordered_json header;
  metadata.emplace("format", "pt");  // transformers refuses files without it
  header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (size_t t = 0; t < tensors_.size(); ++t) {
    const StoredTensor& tensor = tensors_[t];
    GANTRY_CHECK_MSG(tensor.type == StoredType::f32 || tensor.type == StoredType::f16 ||
                         tensor.type == StoredType::bf16,
                     tensor.name);
    GANTRY_CHECK_MSG(!header.contains(tensor.name), tensor.name);
    // Readers map the file: no tensor may start off its own alignment.
    GANTRY_CHECK_MSG(offset % bytes_of(tensor.type) == 0, tensor.name);
    const int64_t end = offset + tensor.elements() * bytes_of(tensor.type);
    header[tensor.name] = {
        {"dtype", name_of(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  file_.write(&length, sizeof length);
  file_.write(text);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write_converted(StoredType type, std::span<const float> values) {
  if (type == StoredType::f32) {
    file_.write(values.data(), values.size_bytes());
    return;
  }
  constexpr size_t kPiece = 1 << 16;
  while (!values.empty()) {
    const auto part = values.first(std::min(kPiece, values.size()));
    piece_.resize(part.size() * static_cast<size_t>(bytes_of(type)));
    float_to_stored(type, part, piece_);
    file_.write(piece_.data(), piece_.size());
    values = values.subspan(part.size());
  }
}

void SafetensorsWriter::append(std::span<const float> values) {
  while (!values.empty()) {
    GANTRY_CHECK(current_ < tensors_.size());
    const StoredTensor& tensor = tensors_[current_];
    const size_t left = static_cast<size_t>(tensor.elements() - done_);
    const auto part = values.first(std::min(left, values.size()));
    write_converted(tensor.type, part);
    done_ += static_cast<int64_t>(part.size());
    if (done_ == tensor.elements()) {
      ++current_;
      done_ = 0;
    }
    values = values.subspan(part.size());
  }
}

void SafetensorsWriter::commit() {
  while (current_ < tensors_.size() && tensors_[current_].elements() == 0) ++current_;
  GANTRY_CHECK_MSG(current_ == tensors_.size() && done_ == 0, "values missing");
  file_.commit();
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       StoredType type, std::map<std::string, std::string> metadata) {
  std::vector<StoredTensor> described;
  for (const NamedTensor& tensor : tensors) {
    described.push_back({tensor.name, type, tensor.shape});
    GANTRY_CHECK_MSG(described.back().elements() == static_cast<int64_t>(tensor.values.size()),
                     tensor.name);
  }
  SafetensorsWriter writer(path, std::move(described), std::move(metadata));
  for (const NamedTensor& tensor : tensors) writer.append(tensor.values);
  writer.commit();
}

}  // namespace gantry
