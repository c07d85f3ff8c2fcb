#include "models/packed_step.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace gantry {

int64_t padded_rows(int64_t tokens) {
  return (tokens + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
}

CompactVocabulary::CompactVocabulary(std::vector<int32_t> ids, int64_t vocabulary_size)
    : ids_(std::move(ids)), row_of_(static_cast<size_t>(vocabulary_size), -1) {
  for (size_t i = 0; i < ids_.size(); ++i)
    row_of_[static_cast<size_t>(ids_[i])] = static_cast<int32_t>(i);
}

CompactVocabulary CompactVocabulary::of(std::span<const Example> a, std::span<const Example> b,
                                        int64_t vocabulary_size) {
  std::vector<bool> occurs(static_cast<size_t>(vocabulary_size));
  for (const std::span<const Example>& examples : {a, b})
    for (const Example& e : examples)
      for (const auto& window : e.windows)
        for (int32_t id : window) occurs[static_cast<size_t>(id)] = true;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < occurs.size(); ++i)
    if (occurs[i]) ids.push_back(static_cast<int32_t>(i));
  return CompactVocabulary(std::move(ids), vocabulary_size);
}

void PackedStep::reserve(const StepCapacity& capacity) {
  const auto rows = static_cast<size_t>(capacity.rows);
  const auto windows = static_cast<size_t>(capacity.windows);
  const auto reports = static_cast<size_t>(capacity.reports);
  ids.reserve(rows);
  positions.reserve(rows);
  row_keys.reserve(rows);
  window_keys.reserve(windows);
  cu_seqlens.reserve(windows + 1);
  cu_windows.reserve(reports + 1);
  labels.reserve(reports);
  weights.reserve(reports);
  clear();
}

void PackedStep::clear() {
  ids.clear();
  positions.clear();
  row_keys.clear();
  window_keys.clear();
  labels.clear();
  weights.clear();
  cu_seqlens.assign(1, 0);
  cu_windows.assign(1, 0);
  rows = 0;
}

void PackedStep::append(std::span<const int32_t> window, const CompactVocabulary& vocabulary,
                        int64_t position_offset, uint64_t window_key) {
  window_keys.push_back(window_key);
  for (size_t i = 0; i < window.size(); ++i) {
    const int32_t row = vocabulary.row(window[i]);
    GANTRY_CHECK(row >= 0);
    ids.push_back(row);
    positions.push_back(static_cast<int32_t>(static_cast<int64_t>(i) + position_offset));
    row_keys.push_back(mix64(window_key, i + 1));
  }
  cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
}

void PackedStep::add(const Example& example, const CompactVocabulary& vocabulary,
                     int64_t position_offset, uint64_t step_key) {
  const uint64_t report_key = mix64(step_key, example.key);
  for (size_t w = 0; w < example.windows.size(); ++w)
    append(example.windows[w], vocabulary, position_offset, mix64(report_key, w));
  cu_windows.push_back(static_cast<int32_t>(windows()));
  labels.push_back(example.label);
  weights.push_back(example.weight);
}

void PackedStep::add_window(std::span<const int32_t> window, const CompactVocabulary& vocabulary,
                            int64_t position_offset, uint64_t window_key) {
  append(window, vocabulary, position_offset, window_key);
  cu_windows.push_back(static_cast<int32_t>(windows()));
  labels.push_back(-1);
  weights.push_back(0);
}

void PackedStep::finish() {
  rows = padded_rows(live());
  row_keys.resize(static_cast<size_t>(rows), 0);
}

std::vector<size_t> split_into_passes(std::span<const Example* const> reports, int64_t max_tokens) {
  std::vector<size_t> begins;
  int64_t tokens = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    const auto n = static_cast<int64_t>(reports[i]->tokens());
    if (i == 0 || tokens + n > max_tokens) {
      begins.push_back(i);
      tokens = 0;
    }
    tokens += n;
  }
  begins.push_back(reports.size());
  return begins;
}

}  // namespace gantry
