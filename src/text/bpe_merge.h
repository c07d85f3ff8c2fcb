// The merging loop that both rules of byte-pair encoding share (bpe.h).
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace gantry {

// A symbol of a word: bytes [begin, end), linked to its neighbours. An absorbed one has begin ==
// end.
struct BpeSymbol {
  uint32_t begin, end;
  int32_t id;  // -1: not a piece
  int32_t previous, next;
  bool frozen = false;  // never merged
};

struct BpePair {
  double order;  // the smallest is merged first; of equals the leftmost
  int32_t id;    // of the merged symbol
};

class BpeMerger {
 public:
  std::vector<BpeSymbol> symbols;  // in order; set by the caller through add()

  void clear() { symbols.clear(); }
  void add(uint32_t begin, uint32_t end, int32_t id, bool frozen = false) {
    const auto n = static_cast<int32_t>(symbols.size());
    if (n > 0) symbols.back().next = n;
    symbols.push_back({begin, end, id, n - 1, -1, frozen});
  }

  // `lookup(left, right)` gives the pair's order and id, or nothing when it cannot be merged;
  // `holds(left, right, id)` whether a pair that covers the same bytes as when it was looked up
  // still gives `id`. The cost is n log n in the number of symbols.
  template <typename Lookup, typename Holds>
  void merge(const Lookup& lookup, const Holds& holds) {
    for (size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<int32_t>(i), lookup);
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      BpeSymbol& left = symbols[static_cast<size_t>(best.left)];
      if (left.begin == left.end || left.next < 0) continue;
      BpeSymbol& right = symbols[static_cast<size_t>(left.next)];
      if (right.end != best.end) continue;  // a neighbour has grown since
      if (!holds(left, right, best.id)) continue;
      left.end = right.end;
      left.id = best.id;
      left.next = right.next;
      right.begin = right.end;
      if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.left;
      if (left.previous >= 0) offer(left.previous, lookup);
      offer(best.left, lookup);
    }
  }

 private:
  struct Candidate {
    double order;
    int32_t left;
    uint32_t end;
    int32_t id;
    bool operator<(const Candidate& other) const {  // the queue's top is the largest
      return order != other.order ? order > other.order : left > other.left;
    }
  };

  template <typename Lookup>
  void offer(int32_t left, const Lookup& lookup) {
    const BpeSymbol& a = symbols[static_cast<size_t>(left)];
    if (a.next < 0) return;
    const BpeSymbol& b = symbols[static_cast<size_t>(a.next)];
    if (a.frozen || b.frozen) return;
    if (const std::optional<BpePair> pair = lookup(a, b))
      queue_.push({pair->order, left, b.end, pair->id});
  }

  std::priority_queue<Candidate> queue_;  // empty between calls
};

}  // namespace gantry
