#include "train/checkpoint.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/sha256.h"

namespace gantry {

namespace {

constexpr std::string_view kMagic = "GANTRY1\n";
constexpr size_t kHashBytes = 64;

// The JSON and the arrays' places in a file whose hash is right.
struct Parsed {
  std::string json;
  std::vector<std::span<const uint8_t>> arrays;
};

std::optional<uint64_t> take_u64(std::span<const uint8_t>& bytes) {
  if (bytes.size() < sizeof(uint64_t)) return std::nullopt;
  uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes = bytes.subspan(sizeof value);
  return value;
}

std::optional<Parsed> parse(std::span<const uint8_t> file) {
  if (file.size() < kMagic.size() + kHashBytes) return std::nullopt;
  std::span<const uint8_t> body = file.first(file.size() - kHashBytes);
  Sha256 hash;
  hash.update(body.data(), body.size());
  if (std::memcmp(hash.hex().data(), file.data() + body.size(), kHashBytes) != 0)
    return std::nullopt;
  if (std::memcmp(body.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  body = body.subspan(kMagic.size());
  const auto length = take_u64(body);
  if (!length || *length > body.size()) return std::nullopt;
  Parsed parsed;
  parsed.json.assign(reinterpret_cast<const char*>(body.data()), *length);
  body = body.subspan(*length);
  while (!body.empty()) {
    const auto count = take_u64(body);
    if (!count || *count > body.size() / sizeof(float)) return std::nullopt;
    parsed.arrays.push_back(body.first(*count * sizeof(float)));
    body = body.subspan(*count * sizeof(float));
  }
  return parsed;
}

std::optional<int64_t> serial_of(const std::filesystem::path& path) {
  const auto json = read_floats_file_json(path);
  if (!json) return std::nullopt;
  return nlohmann::json::parse(*json).at("serial").get<int64_t>();
}

}  // namespace

void write_floats_file(const std::filesystem::path& path, const std::string& json,
                       std::span<const std::span<const float>> arrays) {
  AtomicFile file(path);
  Sha256 hash;
  const auto put = [&](const void* data, size_t bytes) {
    hash.update(data, bytes);
    file.write(data, bytes);
  };
  const uint64_t length = json.size();
  put(kMagic.data(), kMagic.size());
  put(&length, sizeof length);
  put(json.data(), json.size());
  for (std::span<const float> a : arrays) {
    const uint64_t count = a.size();
    put(&count, sizeof count);
    put(a.data(), a.size_bytes());
  }
  file.write(hash.hex());
  file.commit();
}

std::optional<std::string> read_floats_file(const std::filesystem::path& path,
                                            std::span<const std::span<float>> arrays) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const MappedFile file(path);
  const auto parsed = parse(file.bytes());
  if (!parsed || parsed->arrays.size() != arrays.size()) return std::nullopt;
  for (size_t i = 0; i < arrays.size(); ++i)
    if (parsed->arrays[i].size() != arrays[i].size_bytes()) return std::nullopt;
  for (size_t i = 0; i < arrays.size(); ++i)
    if (!arrays[i].empty())
      std::memcpy(arrays[i].data(), parsed->arrays[i].data(), arrays[i].size_bytes());
  return parsed->json;
}

std::optional<std::string> read_floats_file_json(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const MappedFile file(path);
  auto parsed = parse(file.bytes());
  if (!parsed) return std::nullopt;
  return std::move(parsed->json);
}

CheckpointPair::CheckpointPair(std::filesystem::path folder) : folder_(std::move(folder)) {}

std::filesystem::path CheckpointPair::place(int64_t serial) const {
  return folder_ / (serial % 2 == 0 ? "checkpoint-a" : "checkpoint-b");
}

void CheckpointPair::write(const std::string& json,
                           std::span<const std::span<const float>> arrays) {
  nlohmann::json j = nlohmann::json::parse(json);
  j["serial"] = ++serial_;
  write_floats_file(place(serial_), j.dump(), arrays);
}

std::optional<std::string> CheckpointPair::read(std::span<const std::span<float>> arrays) {
  const auto a = serial_of(place(0)), b = serial_of(place(1));
  if (!a && !b) return std::nullopt;
  serial_ = std::max(a.value_or(-1), b.value_or(-1));
  return read_floats_file(place(serial_), arrays);
}

void CheckpointPair::remove() {
  for (int64_t serial : {0, 1}) std::filesystem::remove(place(serial));
}

}  // namespace gantry
