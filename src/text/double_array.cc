#include "text/double_array.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace gantry {

namespace {

constexpr uint32_t kBlock = 256;
// How many of the last blocks are searched for room: as in Darts-clone, a bound on the time that
// costs a few percent of space.
constexpr uint32_t kOpenBlocks = 16;
constexpr uint32_t kNone = UINT32_MAX;

// The first 8 bytes as a number that sorts as they do: sorting 250,000 pieces by it first is four
// times as fast as comparing strings.
uint64_t sort_key(std::string_view key) {
  std::array<unsigned char, 8> bytes{};
  std::memcpy(bytes.data(), key.data(), std::min<size_t>(key.size(), 8));
  uint64_t number = 0;
  for (unsigned char byte : bytes) number = number << 8 | byte;
  return number;
}

void sort_keys(std::vector<DoubleArray::Key>& keys) {
  std::vector<std::pair<uint64_t, uint32_t>> order(keys.size());
  for (uint32_t i = 0; i < keys.size(); ++i) order[i] = {sort_key(keys[i].first), i};
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return keys[a.second].first < keys[b.second].first;
  });
  std::vector<DoubleArray::Key> sorted(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) sorted[i] = keys[order[i].second];
  keys = std::move(sorted);
}

}  // namespace

class DoubleArrayBuilder {
 public:
  explicit DoubleArrayBuilder(std::span<const DoubleArray::Key> keys) : keys_(keys) {}

  std::vector<uint32_t> build() {
    add_block();
    take(0);
    units_[0] = 0;  // the root's label is never asked for
    if (!keys_.empty()) waiting_.push_back({0, 0, keys_.size(), 0});
    while (!waiting_.empty()) {  // not by recursion: a key may be very long
      const Node node = waiting_.back();
      waiting_.pop_back();
      place_children(node);
    }
    for (uint32_t block = first_open(); block < units_.size() / kBlock; ++block) close(block);
    return std::move(units_);
  }

 private:
  struct Child {
    unsigned char label;
    size_t begin, end;
  };
  // The unit of the keys [begin, end), which agree in `depth` bytes.
  struct Node {
    uint32_t unit;
    size_t begin, end, depth;
  };

  uint32_t first_open() const {
    const auto blocks = static_cast<uint32_t>(units_.size() / kBlock);
    return blocks > kOpenBlocks ? blocks - kOpenBlocks : 0;
  }

  void place_children(const Node& node) {
    std::vector<Child>& children = children_;  // one for all nodes, not one allocated for each
    children.clear();
    for (size_t i = node.begin; i < node.end; ++i) {
      const std::string_view key = keys_[i].first;
      const unsigned char label =
          key.size() == node.depth ? 0 : static_cast<unsigned char>(key[node.depth]);
      if (children.empty() || children.back().label != label) children.push_back({label, i, i});
      children.back().end = i + 1;
    }
    const uint32_t base = find_base(node.unit, children);
    set_offset(node.unit, node.unit ^ base);
    base_used_[base] = true;
    for (const Child& child : children) {
      const uint32_t at = base ^ child.label;
      take(at);
      if (child.label == 0) {
        units_[node.unit] |= DoubleArray::kLeafBit;
        units_[at] = keys_[child.begin].second | DoubleArray::kValueBit;
      } else {
        units_[at] = child.label;
        waiting_.push_back({at, child.begin, child.end, node.depth + 1});
      }
    }
  }

  // A base that no node has, such that the units of all children are free and that the node can
  // express the way to it.
  uint32_t find_base(uint32_t node, const std::vector<Child>& children) {
    for (uint32_t at = first_free_; at != kNone; at = next_[at]) {
      const uint32_t base = at ^ children[0].label;
      if (base_used_[base] || !expressible(node ^ base)) continue;
      const bool fits = std::all_of(children.begin(), children.end(),
                                    [&](const Child& c) { return free_[base ^ c.label]; });
      if (fits) return base;
    }
    // In a new block everything is free; the same low byte as the node's can always be expressed.
    const auto base = static_cast<uint32_t>(units_.size()) | (node & 0xFF);
    add_block();
    return base;
  }

  static bool expressible(uint32_t offset) { return !(offset & 0xFF) || offset < (1u << 21); }

  void set_offset(uint32_t node, uint32_t offset) {
    GANTRY_CHECK(offset < (1u << 29));
    units_[node] |= offset < (1u << 21) ? offset << 10 : offset << 2 | 1u << 9;
  }

  void add_block() {
    const auto begin = static_cast<uint32_t>(units_.size());
    if (begin / kBlock >= kOpenBlocks) close(begin / kBlock - kOpenBlocks);
    units_.resize(begin + kBlock, 0);
    free_.resize(begin + kBlock, true);
    base_used_.resize(begin + kBlock, false);
    next_.resize(begin + kBlock);
    previous_.resize(begin + kBlock);
    for (uint32_t at = begin; at < begin + kBlock; ++at) {
      previous_[at] = last_free_;
      next_[at] = kNone;
      (last_free_ == kNone ? first_free_ : next_[last_free_]) = at;
      last_free_ = at;
    }
  }

  void take(uint32_t at) {
    GANTRY_CHECK(free_[at]);
    free_[at] = false;
    (previous_[at] == kNone ? first_free_ : next_[previous_[at]]) = next_[at];
    (next_[at] == kNone ? last_free_ : previous_[next_[at]]) = previous_[at];
  }

  // Gives the units of a block that stayed free labels that lead nowhere: those of a base that no
  // node has.
  void close(uint32_t block) {
    uint32_t unused = block * kBlock;
    while (base_used_[unused]) ++unused;
    for (uint32_t at = block * kBlock; at < (block + 1) * kBlock; ++at) {
      if (!free_[at]) continue;
      take(at);
      units_[at] = (at ^ unused) & 0xFF;
    }
  }

  std::span<const DoubleArray::Key> keys_;
  std::vector<uint32_t> units_, next_, previous_;
  std::vector<uint8_t> free_, base_used_;
  std::vector<Child> children_;
  std::vector<Node> waiting_;
  uint32_t first_free_ = kNone, last_free_ = kNone;
};

DoubleArray DoubleArray::build(std::vector<Key> keys) {
  sort_keys(keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    GANTRY_CHECK(!keys[i].first.empty() && keys[i].first.find('\0') == std::string_view::npos);
    GANTRY_CHECK(keys[i].second < kValueBit);
    GANTRY_CHECK(i == 0 || keys[i - 1].first != keys[i].first);
  }
  return DoubleArray(DoubleArrayBuilder(keys).build());
}

}  // namespace gantry
