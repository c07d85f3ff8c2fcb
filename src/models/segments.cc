#include "models/segments.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace gantry {

int64_t SegmentedStep::longest() const {
  int32_t longest = 0;
  for (const Segment& s : segments) longest = std::max(longest, s.end());
  return longest;
}

int64_t SegmentedStep::shared(int a, int b) const {
  // The segment with the larger number cannot be an ancestor of the other: climb from it.
  while (a != b) {
    int& later = a > b ? a : b;
    later = segments[static_cast<size_t>(later)].parent;
    if (later < 0) return 0;
  }
  return segments[static_cast<size_t>(a)].end();
}

void SegmentedStep::clear() {
  segments.clear();
  tokens.clear();
  positions.clear();
  labels.clear();
  row_keys.clear();
}

void SegmentedStep::reserve(int64_t rows, int64_t segment_count, int64_t label_count) {
  segments.reserve(static_cast<size_t>(segment_count));
  tokens.reserve(static_cast<size_t>(rows));
  positions.reserve(static_cast<size_t>(rows));
  row_keys.reserve(static_cast<size_t>(rows));
  labels.reserve(static_cast<size_t>(label_count));
}

int SegmentedStep::add(std::span<const int32_t> added, int parent, uint64_t key) {
  const int number = static_cast<int>(segments.size());
  GANTRY_CHECK(parent >= -1 && parent < number);
  GANTRY_CHECK(row_keys.size() == (key == 0 ? 0 : tokens.size()));
  const Segment segment{.parent = parent,
                        .row = static_cast<int32_t>(tokens.size()),
                        .rows = static_cast<int32_t>(added.size()),
                        .position = parent < 0 ? 0 : segments[static_cast<size_t>(parent)].end()};
  segments.push_back(segment);
  for (int32_t i = 0; i < segment.rows; ++i) {
    tokens.push_back(added[static_cast<size_t>(i)]);
    positions.push_back(segment.position + i);
    if (key != 0) row_keys.push_back(mix64(key, static_cast<uint64_t>(segment.position + i)));
  }
  return number;
}

void SegmentedStep::label_from(int segment, int64_t from, float weight) {
  GANTRY_CHECK(segment >= 0 && static_cast<size_t>(segment) < segments.size() && from >= 0);
  const Segment& s = segments[static_cast<size_t>(segment)];
  int before = s.parent;  // of the segment's first token
  while (before >= 0 && segments[static_cast<size_t>(before)].rows == 0) {
    before = segments[static_cast<size_t>(before)].parent;
  }
  for (int64_t i = from; i < s.rows; ++i) {
    const int32_t label = tokens[static_cast<size_t>(s.row + i)];
    if (i > 0) {
      labels.push_back({static_cast<int32_t>(s.row + i - 1), label, weight});
    } else {
      GANTRY_CHECK_MSG(before >= 0, "the first token of a text has no row before it");
      const Segment& p = segments[static_cast<size_t>(before)];
      labels.push_back({p.row + p.rows - 1, label, weight});
    }
  }
}

void SegmentedStep::finish() {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const LabelRow& a, const LabelRow& b) { return a.row < b.row; });
}

}  // namespace gantry
