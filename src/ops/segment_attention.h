// Causal attention over a tree of segments (models/segments.h): a query sees the rows of its own
// segment up to its position and all rows of the segment's ancestors, in a sliding window by
// position where there is one. For each query and head:
//   P = softmax(scale q K^T) over what it sees, ctx = P V
// Nothing but the log-sum-exp of each query is kept for the backward pass; it computes P again (Dao
// et al. 2022). Queries may be some rows of a segment only (the last block's label rows).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/bfloat16.h"
#include "tensor/matrix.h"

namespace gantry {

struct SegmentAttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads
  int64_t head_size = 0;
  float scale = 0;     // 0: 1 / sqrt(head_size)
  int64_t window = 0;  // > 0: a query at position i sees j with i - j < window only
};

struct AttentionSegment {
  int32_t parent = -1;             // an earlier segment, or -1
  int32_t row = 0, rows = 0;       // of k and v
  int32_t position = 0;            // of its first row: where its parent ends
  int32_t query = 0, queries = 0;  // rows of q, by rising position
  int32_t end() const { return position + rows; }
};

// What all layers of a step share: how the work is dealt out. Segments of a group are one task a
// key head; gradients of rows that several groups see are summed group by group.
class SegmentPlan {
 public:
  // query_positions: of each row of q.
  void set(std::span<const AttentionSegment> segments, std::span<const int32_t> query_positions);

  const std::vector<AttentionSegment>& segments() const { return segments_; }
  const std::vector<int32_t>& query_positions() const { return positions_; }
  int64_t rows() const { return rows_; }  // of k and v
  int64_t queries() const { return static_cast<int64_t>(positions_.size()); }

  struct Group {
    int32_t begin = 0, end = 0;  // segments
    int32_t longest = 0;         // largest end() of them
    int64_t partial = 0;         // its first row of partial sums
  };
  const std::vector<Group>& groups() const { return groups_; }
  // Segments with children, whose gradients come from several places: for each group the rows of
  // partial sums of those it touches.
  struct Partial {
    int32_t group = 0, segment = 0;
    int64_t row = 0;
  };
  const std::vector<Partial>& partials() const { return partials_; }  // by segment, then group
  int64_t partial_rows() const { return partial_rows_; }
  bool shares(int segment) const { return has_children_[static_cast<size_t>(segment)] != 0; }
  int64_t partial_row(int group, int segment) const;
  // How many leading positions segments a and b share.
  int32_t shared(int a, int b) const;

 private:
  void make_groups();
  void make_partials();

  std::vector<AttentionSegment> segments_;
  std::vector<int32_t> positions_;
  std::vector<uint8_t> has_children_;
  std::vector<Group> groups_;
  std::vector<Partial> partials_;
  int64_t rows_ = 0, partial_rows_ = 0;
};

// q [queries, heads * head_size]; k, v [rows, kv_heads * head_size]; ctx as q; lse [heads, queries]
// or null (inference).
template <typename T>
void segment_attention_forward(const SegmentAttentionShape& shape, const SegmentPlan& plan, In<T> q,
                               In<T> k, In<T> v, Matrix<T> ctx, float* lse);

// ctx and lse from the forward pass. Writes all of dq, dk and dv.
template <typename T>
void segment_attention_backward(const SegmentAttentionShape& shape, const SegmentPlan& plan,
                                In<T> q, In<T> k, In<T> v, In<T> ctx, const float* lse, In<T> dctx,
                                Matrix<T> dq, Matrix<T> dk, Matrix<T> dv);

}  // namespace gantry
