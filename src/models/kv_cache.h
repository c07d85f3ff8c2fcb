// The keys and values of many sequences, in pages of 16 positions that sequences share by counting
// who holds them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ops/paged_attention.h"

namespace gantry {

using Sequence = int32_t;  // a number that open() and fork() give

class KvCache {
 public:
  // max_tokens: positions kept at most, 0: no bound.
  KvCache(const PageShape& shape, int64_t max_tokens);

  Sequence open();
  // copy_tail: the last page is copied where only part of it is filled.
  Sequence fork(Sequence sequence, bool copy_tail);
  // The sequence as it was when it was `length` long.
  Sequence fork_at(Sequence sequence, int64_t length);
  void close(Sequence sequence);
  void close_all();

  int64_t length(Sequence sequence) const { return at(sequence).length; }
  std::span<const PageRun> runs(Sequence sequence) const { return at(sequence).runs; }
  // The place of the next position. Error E0767 when the cache is full.
  PagePlace append(Sequence sequence);

  int64_t tokens_kept() const { return pages_in_use_ * kPagePositions; }
  int64_t free_tokens() const;
  int64_t bytes() const;

 private:
  struct Page {
    float* memory;
    int32_t holders = 0;
  };
  struct Line {
    bool open = false;
    int64_t length = 0;
    std::vector<PageRun> runs;
    std::vector<int32_t> pages;  // of each run
  };
  Line& at(Sequence sequence);
  const Line& at(Sequence sequence) const;
  int32_t take_page();
  void drop_page(int32_t page);

  struct Free {
    void operator()(float* p) const;
  };
  PageShape shape_;
  int64_t max_pages_;
  std::vector<std::unique_ptr<float[], Free>> slabs_;
  std::vector<Page> pages_;
  std::vector<int32_t> free_pages_;
  std::vector<Line> lines_;
  std::vector<Sequence> free_lines_;
  int64_t pages_in_use_ = 0;
};

}  // namespace gantry
