// Packing of pairs: which of them share a step and a pass, and how a pass is laid out as segments
// so that what its texts have in common is computed once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/segments.h"
#include "train/pair_tuning.h"

namespace gantry {

// Shared beginnings shorter than this are not worth a segment of their own.
inline constexpr int64_t kLeastShared = 8;

// Lays the pairs out as a tree of segments: each pair's prompt and its answer but for the last
// token, with a label line for every answer token. `label_of` (may be null) receives for each of
// step.labels, in order, the pair it belongs to. dropout_key 0: no dropout; else a row's key
// follows from it and the tokens that the row sees.
void lay_out(std::span<const Pair* const> pairs, uint64_t dropout_key, SegmentedStep& step,
             std::vector<int32_t>* label_of = nullptr);
// Rows and labels that lay_out() would make.
int64_t rows_of(std::span<const Pair* const> pairs);
int64_t labels_of(std::span<const Pair* const> pairs);
// Sum of their labels' weights in the loss.
double weight_of(std::span<const Pair* const> pairs);

// Pairs of one key that come one after the other: never parted in training.
struct PairUnit {
  size_t begin = 0, end = 0;  // of the pairs
  int64_t rows = 0;           // at most, beside what all pairs share
  int64_t labels = 0;
};

struct PassLimits {
  int64_t rows = 2048;
  int64_t pairs = 1 << 20;
  int64_t labels = 1 << 20;
};

// The plan of a training set: units, and what all prompts begin with.
class PairPlan {
 public:
  explicit PairPlan(std::span<const Pair> pairs);

  const std::vector<PairUnit>& units() const { return units_; }
  int64_t common() const { return common_; }  // tokens every prompt begins with; 0 when few
  int64_t largest_unit() const;               // rows, common part included

  // The epoch's steps, each a list of units: batch_pairs consecutive pairs of a seeded order, or
  // (batch_pairs 0) units packed first-fit decreasing into tokens_a_step rows, steps shuffled.
  std::vector<std::vector<size_t>> steps(const PairTuneSettings& settings, uint64_t seed,
                                         int epoch) const;
  // The units of a step as passes within the limits (a unit beyond them has a pass of its own).
  std::vector<std::vector<size_t>> passes(std::span<const size_t> step,
                                          const PassLimits& limits) const;
  std::vector<const Pair*> pairs_of(std::span<const size_t> units) const;

 private:
  std::span<const Pair> pairs_;
  std::vector<PairUnit> units_;
  int64_t common_ = 0;
};

// First-fit decreasing: items by size into bins of `capacity` beyond `overhead`. Items of one bin
// keep their order. An item that is too large has a bin of its own.
std::vector<std::vector<size_t>> first_fit_decreasing(std::span<const int64_t> sizes,
                                                      int64_t capacity, int64_t overhead);

}  // namespace gantry
