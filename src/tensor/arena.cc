#include "tensor/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/error.h"

namespace gantry {
namespace {

constexpr int64_t kAlign = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr double kMebi = 1024.0 * 1024.0;

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

std::string line(const std::string& name, int64_t tensors, int64_t bytes, const char* note) {
  char text[256];
  std::snprintf(text, sizeof text, "%-32s %7lld %12.1f MiB%s\n", name.c_str(),
                static_cast<long long>(tensors), static_cast<double>(bytes) / kMebi, note);
  return text;
}

}  // namespace

int64_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::kI8:
    case DType::kU8:
      return 1;
    case DType::kBf16:
      return 2;
    case DType::kF32:
    case DType::kI32:
    case DType::kU32:
      return 4;
    default:
      return 8;
  }
}

const char* dtype_name(DType dtype) {
  static constexpr const char* kNames[] = {"f32", "bf16", "i32", "u32", "i64",
                                           "u64", "f64",  "i8",  "u8"};
  return kNames[static_cast<int>(dtype)];
}

int64_t TensorSpec::elements() const {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

int64_t TensorSpec::bytes() const { return round_up(elements() * dtype_bytes(dtype), kAlign); }

int TensorSpecs::add(std::string name, std::vector<int64_t> shape, DType dtype, std::string group) {
  for (int64_t d : shape) GANTRY_CHECK(d >= 0);
  specs_.push_back({std::move(name), std::move(shape), dtype, std::move(group)});
  return static_cast<int>(specs_.size()) - 1;
}

void TensorSpecs::overlay(const std::string& a, const std::string& b) {
  GANTRY_CHECK(a != b);
  for (const auto& [under, over] : overlays_) GANTRY_CHECK(over != b && under != b);
  overlays_.emplace_back(a, b);
}

std::pair<std::vector<int64_t>, int64_t> TensorSpecs::layout() const {
  // Groups that lie over each other start at the same place and take the largest one's room.
  std::map<std::string, std::string> place;
  for (const auto& [under, over] : overlays_) {
    const auto known = place.find(under);
    place[over] = known == place.end() ? under : known->second;
  }
  std::map<std::string, int64_t> size;
  std::vector<int64_t> within;
  for (const TensorSpec& spec : specs_) {
    within.push_back(size[spec.group]);
    size[spec.group] += spec.bytes();
  }
  std::map<std::string, int64_t> room, start;
  std::vector<std::string> order;
  for (const TensorSpec& spec : specs_) {
    const auto p = place.find(spec.group);
    const std::string& base = p == place.end() ? spec.group : p->second;
    if (std::find(order.begin(), order.end(), base) == order.end()) order.push_back(base);
    room[base] = std::max(room[base], size[spec.group]);
  }
  int64_t total = 0;
  for (const std::string& base : order) {
    start[base] = total;
    total += room[base];
  }
  std::vector<int64_t> offsets;
  for (size_t i = 0; i < specs_.size(); ++i) {
    const auto p = place.find(specs_[i].group);
    offsets.push_back(start[p == place.end() ? specs_[i].group : p->second] + within[i]);
  }
  return {offsets, total};
}

std::string TensorSpecs::table() const {
  std::map<std::string, std::pair<int64_t, int64_t>> groups;  // tensors, bytes
  for (const TensorSpec& spec : specs_) {
    ++groups[spec.group].first;
    groups[spec.group].second += spec.bytes();
  }
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> rows(groups.begin(),
                                                                        groups.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.second > b.second.second; });
  std::string text;
  for (const auto& row : rows) {
    const auto& [name, counts] = row;
    const bool over = std::any_of(overlays_.begin(), overlays_.end(),
                                  [&](const auto& o) { return o.second == row.first; });
    text += line(name, counts.first, counts.second, over ? " (over another)" : "");
  }
  return text + line("total", static_cast<int64_t>(specs_.size()), total_bytes(), "");
}

Arena::Arena(const TensorSpecs& specs, int64_t memory_limit) : specs_(specs.specs()) {
  auto [offsets, total] = specs.layout();
  offsets_ = std::move(offsets);
  bytes_ = round_up(std::max(total, int64_t{1}), kHugePage);
  if (memory_limit > 0 && total > memory_limit) {
    throw Error("E0601",
                "needs " + std::to_string(total >> 20) + " MiB of memory, " +
                    std::to_string(memory_limit >> 20) + " MiB are allowed:\n" + specs.table(),
                "Use fewer tokens a step or a smaller model, or allow more memory.");
  }
  // Anonymous pages come zeroed and are only taken when touched; 64 bytes are aligned by the page.
  void* memory = mmap(nullptr, static_cast<size_t>(bytes_), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error("E0602", "the system gave no " + std::to_string(bytes_ >> 20) + " MiB of memory",
                "Close other programs, or use fewer tokens a step or a smaller model.");
  }
  madvise(memory, static_cast<size_t>(bytes_), MADV_HUGEPAGE);
  memory_ = static_cast<std::byte*>(memory);
}

Arena::~Arena() {
  if (memory_) munmap(memory_, static_cast<size_t>(bytes_));
}

Arena::Arena(Arena&& other) noexcept
    : specs_(std::move(other.specs_)),
      offsets_(std::move(other.offsets_)),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(specs_, other.specs_);
  std::swap(offsets_, other.offsets_);
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void* Arena::at(int tensor, DType dtype) const {
  GANTRY_CHECK(tensor >= 0 && static_cast<size_t>(tensor) < specs_.size());
  const TensorSpec& spec = specs_[static_cast<size_t>(tensor)];
  GANTRY_CHECK_MSG(spec.dtype == dtype, spec.name + " holds " + dtype_name(spec.dtype));
  return memory_ + offsets_[static_cast<size_t>(tensor)];
}

}  // namespace gantry
