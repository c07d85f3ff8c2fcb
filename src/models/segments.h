// Segments: how texts that share beginnings are laid in one step, without padding and without
// copies. A step is a list of segments; each has tokens, a parent (or none) and starts at its
// parent's end. A row sees the rows of its own segment up to itself and all rows of its ancestors:
//
//   SegmentedStep step;
//   const int instruction = step.add(instruction_tokens, -1);
//   const int report = step.add(report_tokens, instruction);
//   const int answer = step.add(answer_tokens, report);      // sees instruction, report, itself
//   const int other = step.add(other_tokens, report);        // does not see `answer`
//
// What a row computes is the same as if its line of ancestors stood alone in one sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gantry {

struct Segment {
  int32_t parent = -1;   // an earlier segment, or -1
  int32_t row = 0;       // its first row in the step
  int32_t rows = 0;      // may be 0
  int32_t position = 0;  // of its first row; = end() of the parent
  int32_t end() const { return position + rows; }
};

// One line of a pass's loss: row predicts token `label`.
struct LabelRow {
  int32_t row = 0;
  int32_t label = 0;
  float weight = 1;
};

struct SegmentedStep {
  std::vector<Segment> segments;
  std::vector<int32_t> tokens;     // [rows]
  std::vector<int32_t> positions;  // [rows]
  std::vector<LabelRow> labels;    // rows rising; a row may stand several times (branches)
  std::vector<uint64_t> row_keys;  // [rows] seeds of LoRA dropout; empty: no dropout

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
  int64_t longest() const;  // largest end() of a segment
  // Position where the two lines of ancestors part: how many rows segments a and b share.
  int64_t shared(int a, int b) const;

  void clear();
  void reserve(int64_t rows, int64_t segments, int64_t labels);
  // Appends a segment; returns its number. CHECKs that parent is an earlier segment.
  // `key` seeds dropout: 0 leaves row_keys empty (all segments of a step alike).
  int add(std::span<const int32_t> tokens, int parent, uint64_t key = 0);
  // The rows that predict tokens[from ..] of `segment`: the row before each (the last row of the
  // nearest non-empty ancestor for the segment's first token). CHECKs that there is one.
  void label_from(int segment, int64_t from, float weight = 1);
  // Sorts labels by row; call after the last label_from().
  void finish();
};

}  // namespace gantry
