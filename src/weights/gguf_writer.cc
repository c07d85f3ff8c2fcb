#include "weights/gguf_writer.h"

#include <cstring>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "weights/block_encode.h"

namespace gantry {
namespace {

constexpr uint64_t kAlignment = 32;
enum ValueType : uint32_t {
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kText = 8,
  kArray = 9,
  kI64 = 11
};

class Bytes {
 public:
  template <typename T>
  void number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes.append(raw, sizeof(T));
  }
  void text(const std::string& value) {
    number<uint64_t>(value.size());
    bytes += value;
  }
  void value(const GgufValue& value);
  std::string bytes;

 private:
  template <typename List, typename Put>
  void list(uint32_t type, const List& values, const Put& put) {
    number<uint32_t>(kArray);
    number<uint32_t>(type);
    number<uint64_t>(values.size());
    for (const auto& v : values) put(v);
  }
};

void Bytes::value(const GgufValue& v) {
  if (const auto* b = std::get_if<bool>(&v)) {
    number<uint32_t>(kBool);
    number<uint8_t>(*b ? 1 : 0);
  } else if (const auto* n = std::get_if<int64_t>(&v)) {
    const bool small = *n >= 0 && *n <= UINT32_MAX;
    number<uint32_t>(small ? kU32 : kI64);
    if (small)
      number<uint32_t>(static_cast<uint32_t>(*n));
    else
      number<int64_t>(*n);
  } else if (const auto* x = std::get_if<double>(&v)) {
    number<uint32_t>(kF32);
    number<float>(static_cast<float>(*x));
  } else if (const auto* s = std::get_if<std::string>(&v)) {
    number<uint32_t>(kText);
    text(*s);
  } else if (const auto* bools = std::get_if<std::vector<bool>>(&v)) {
    list(kBool, *bools, [&](bool item) { number<uint8_t>(item ? 1 : 0); });
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&v)) {
    list(kI32, *ints, [&](int64_t item) { number<int32_t>(static_cast<int32_t>(item)); });
  } else if (const auto* reals = std::get_if<std::vector<double>>(&v)) {
    list(kF32, *reals, [&](double item) { number<float>(static_cast<float>(item)); });
  } else {
    list(kText, std::get<std::vector<std::string>>(v),
         [&](const std::string& item) { text(item); });
  }
}

int64_t elements_of(const GgufTensorPlan& t) {
  return std::accumulate(t.shape.begin(), t.shape.end(), int64_t{1}, std::multiplies<>());
}

int64_t bytes_of(const GgufTensorPlan& t) {
  return elements_of(t) / block_elements(t.type) * block_bytes(t.type);
}

uint64_t aligned(uint64_t at) { return (at + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

struct GgufWriter::State {
  AtomicFile file;
  std::vector<GgufTensorPlan> tensors;
  size_t current = 0;  // tensor being written
  int64_t done = 0;    // elements of it already written
  std::vector<uint8_t> piece;

  explicit State(const std::filesystem::path& path) : file(path) {}
  void pad(uint64_t written) {
    const std::string zeros(aligned(written) - written, '\0');
    file.write(zeros);
  }
};

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       std::vector<GgufTensorPlan> tensors)
    : state_(std::make_unique<State>(path)) {
  Bytes head;
  head.bytes = "GGUF";
  head.number<uint32_t>(3);
  head.number<uint64_t>(tensors.size());
  head.number<uint64_t>(metadata.size());
  for (const auto& [key, value] : metadata) {
    head.text(key);
    head.value(value);
  }
  uint64_t offset = 0;
  for (const GgufTensorPlan& t : tensors) {
    GANTRY_CHECK_MSG(
        can_encode(t.type) && !t.shape.empty() && t.shape.back() % block_elements(t.type) == 0,
        t.name);
    head.text(t.name);
    head.number<uint32_t>(static_cast<uint32_t>(t.shape.size()));
    for (size_t d = t.shape.size(); d-- > 0;)
      head.number<uint64_t>(static_cast<uint64_t>(t.shape[d]));
    head.number<uint32_t>(ggml_id_of(t.type));
    head.number<uint64_t>(offset);
    offset = aligned(offset + static_cast<uint64_t>(bytes_of(t)));
  }
  state_->tensors = std::move(tensors);
  state_->file.write(head.bytes);
  state_->pad(head.bytes.size());
}

GgufWriter::~GgufWriter() = default;

void GgufWriter::append(std::span<const float> values) {
  State& s = *state_;
  while (!values.empty()) {
    GANTRY_CHECK(s.current < s.tensors.size());
    const GgufTensorPlan& t = s.tensors[s.current];
    const int64_t row = t.shape.back(), left = elements_of(t) - s.done;
    const int64_t n = std::min<int64_t>(left, static_cast<int64_t>(values.size()));
    GANTRY_CHECK_MSG(n % row == 0, t.name);
    const int64_t row_bytes = row / block_elements(t.type) * block_bytes(t.type);
    s.piece.resize(static_cast<size_t>(n / row * row_bytes));
    parallel_for(n / row, 16, [&](int64_t begin, int64_t end) {
      floats_to_blocks(t.type,
                       values.subspan(static_cast<size_t>(begin * row),
                                      static_cast<size_t>((end - begin) * row)),
                       std::span(s.piece).subspan(static_cast<size_t>(begin * row_bytes),
                                                  static_cast<size_t>((end - begin) * row_bytes)));
    });
    s.file.write(s.piece.data(), s.piece.size());
    values = values.subspan(static_cast<size_t>(n));
    s.done += n;
    if (s.done < elements_of(t)) continue;
    s.pad(static_cast<uint64_t>(bytes_of(t)));
    ++s.current;
    s.done = 0;
  }
}

void GgufWriter::commit() {
  GANTRY_CHECK(state_->current == state_->tensors.size());
  state_->file.commit();
}

}  // namespace gantry
