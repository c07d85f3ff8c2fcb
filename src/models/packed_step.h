// PackedStep: reports laid end to end, without padding, as the encoder takes them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/example.h"

namespace gantry {

// The most a PackedStep will hold: what buffers are sized by.
struct StepCapacity {
  int64_t rows = 0;     // tokens, rounded up to kRowMultiple
  int64_t windows = 0;  // sequences
  int64_t reports = 0;
};

// Rows are rounded up to this, so that few shapes of matrix products occur.
inline constexpr int64_t kRowMultiple = 32;
int64_t padded_rows(int64_t tokens);

// Which rows of the whole word table are in memory, and in which order (of() has them rise). By
// default all of them are.
class CompactVocabulary {
 public:
  CompactVocabulary() = default;
  CompactVocabulary(std::vector<int32_t> ids, int64_t vocabulary_size);
  static CompactVocabulary of(std::span<const Example> a, std::span<const Example> b,
                              int64_t vocabulary_size);

  const std::vector<int32_t>& ids() const { return ids_; }  // whole-table row of each compact row
  // Compact row of a whole-table row, or -1 when it is not in memory.
  int32_t row(int32_t id) const {
    if (row_of_.empty()) return id;
    return static_cast<size_t>(id) < row_of_.size() ? row_of_[static_cast<size_t>(id)] : -1;
  }

 private:
  std::vector<int32_t> ids_, row_of_;
};

struct PackedStep {
  std::vector<int32_t> ids, positions;  // [live()] rows of the compact word and position tables
  std::vector<uint64_t> row_keys;       // [rows] seeds of dropout; 0 behind the live rows
  std::vector<uint64_t> window_keys;    // [windows]
  std::vector<int32_t> cu_seqlens;      // [windows + 1]
  std::vector<int32_t> cu_windows;      // [reports + 1]
  std::vector<int32_t> labels;          // [reports]
  std::vector<float> weights;           // [reports]
  int64_t rows = 0;                     // live() rounded up

  int64_t live() const { return static_cast<int64_t>(ids.size()); }
  int64_t windows() const { return static_cast<int64_t>(cu_seqlens.size()) - 1; }
  int64_t reports() const { return static_cast<int64_t>(labels.size()); }

  void reserve(const StepCapacity& capacity);
  void clear();
  // `step_key` is a function of seed, restart and step; with the report's key and a token's place
  // it seeds that token's dropout. Ids must be in `vocabulary`.
  void add(const Example& example, const CompactVocabulary& vocabulary, int64_t position_offset,
           uint64_t step_key);
  // One window as a report of its own, without a label. `window_key` seeds its dropout.
  void add_window(std::span<const int32_t> window, const CompactVocabulary& vocabulary,
                  int64_t position_offset, uint64_t window_key = 0);
  // Sets `rows`; call after the last add().
  void finish();

 private:
  void append(std::span<const int32_t> window, const CompactVocabulary& vocabulary,
              int64_t position_offset, uint64_t window_key);
};

// Splits reports, in the given order, into runs of at most `max_tokens` tokens (a longer report
// stands alone). Returns the first index of each run, and the number of reports at the end.
std::vector<size_t> split_into_passes(std::span<const Example* const> reports, int64_t max_tokens);

}  // namespace gantry
