#include "models/kv_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/strings.h"

namespace gantry {
namespace {

constexpr int64_t kSlabBytes = int64_t{16} << 20;

}  // namespace

void KvCache::Free::operator()(float* p) const { std::free(p); }

KvCache::KvCache(const PageShape& shape, int64_t max_tokens)
    : shape_(shape),
      max_pages_(max_tokens > 0 ? (max_tokens + kPagePositions - 1) / kPagePositions
                                : std::numeric_limits<int64_t>::max() / kPagePositions) {}

KvCache::Line& KvCache::at(Sequence sequence) {
  GANTRY_CHECK(sequence >= 0 && sequence < static_cast<Sequence>(lines_.size()));
  Line& line = lines_[static_cast<size_t>(sequence)];
  GANTRY_CHECK(line.open);
  return line;
}
const KvCache::Line& KvCache::at(Sequence sequence) const {
  return const_cast<KvCache*>(this)->at(sequence);
}

Sequence KvCache::open() {
  if (free_lines_.empty()) {
    free_lines_.push_back(static_cast<Sequence>(lines_.size()));
    lines_.emplace_back();
  }
  const Sequence sequence = free_lines_.back();
  free_lines_.pop_back();
  lines_[static_cast<size_t>(sequence)] = {};
  lines_[static_cast<size_t>(sequence)].open = true;
  return sequence;
}

Sequence KvCache::fork(Sequence sequence, bool copy_tail) {
  const Sequence child = open();
  const Line& from = at(sequence);
  Line& line = at(child);
  line.length = from.length;
  line.runs = from.runs;
  line.pages = from.pages;
  if (copy_tail && !line.runs.empty() && line.runs.back().count < kPagePositions) {
    line.pages.pop_back();
    for (int32_t page : line.pages) ++pages_[static_cast<size_t>(page)].holders;
    const int32_t copy = take_page();
    PageRun& run = line.runs.back();
    std::memcpy(pages_[static_cast<size_t>(copy)].memory, run.page,
                static_cast<size_t>(shape_.floats()) * sizeof(float));
    run.page = pages_[static_cast<size_t>(copy)].memory;
    line.pages.push_back(copy);
    return child;
  }
  for (int32_t page : line.pages) ++pages_[static_cast<size_t>(page)].holders;
  return child;
}

Sequence KvCache::fork_at(Sequence sequence, int64_t length) {
  GANTRY_CHECK(length >= 0 && length <= at(sequence).length);
  const Sequence child = fork(sequence, false);
  Line& line = at(child);
  while (!line.runs.empty() && line.runs.back().position >= length) {
    drop_page(line.pages.back());
    line.pages.pop_back();
    line.runs.pop_back();
  }
  if (!line.runs.empty()) {
    PageRun& last = line.runs.back();
    last.count = std::min(last.count, static_cast<int32_t>(length) - last.position);
  }
  line.length = length;
  return child;
}

void KvCache::close_all() {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].open) close(static_cast<Sequence>(i));
  }
}

void KvCache::close(Sequence sequence) {
  Line& line = at(sequence);
  for (int32_t page : line.pages) drop_page(page);
  line = {};
  free_lines_.push_back(sequence);
}

PagePlace KvCache::append(Sequence sequence) {
  Line& line = at(sequence);
  if (line.runs.empty() || line.runs.back().count == kPagePositions ||
      pages_[static_cast<size_t>(line.pages.back())].holders >
          1) {  // others may have gone on in it
    const int32_t page = take_page();
    line.pages.push_back(page);
    line.runs.push_back(
        {pages_[static_cast<size_t>(page)].memory, static_cast<int32_t>(line.length), 0});
  }
  PageRun& run = line.runs.back();
  ++line.length;
  return {run.page, run.count++};
}

int32_t KvCache::take_page() {
  if (pages_in_use_ >= max_pages_)
    throw Error("E0767",
                "the cache of keys and values is full: " + with_commas(tokens_kept()) +
                    " positions are kept",
                "Answer fewer prompts at once, or give the model a larger cache.");
  if (free_pages_.empty()) {
    const int64_t page_bytes = shape_.floats() * static_cast<int64_t>(sizeof(float));
    const int64_t count = std::max<int64_t>(1, kSlabBytes / page_bytes);
    // Zeroed: what is not yet written is read beside what is, and must be a number.
    auto* memory = static_cast<float*>(
        std::aligned_alloc(64, static_cast<size_t>((count * page_bytes + 63) / 64 * 64)));
    if (!memory)
      throw Error("E0767", "no memory for more keys and values", "Answer fewer prompts at once.");
    std::memset(memory, 0, static_cast<size_t>(count * page_bytes));
    slabs_.emplace_back(memory);
    for (int64_t i = 0; i < count; ++i) {
      free_pages_.push_back(static_cast<int32_t>(pages_.size()));
      pages_.push_back({memory + i * shape_.floats(), 0});
    }
    std::reverse(free_pages_.begin(), free_pages_.end());
  }
  const int32_t page = free_pages_.back();
  free_pages_.pop_back();
  pages_[static_cast<size_t>(page)].holders = 1;
  ++pages_in_use_;
  return page;
}

void KvCache::drop_page(int32_t page) {
  if (--pages_[static_cast<size_t>(page)].holders > 0) return;
  free_pages_.push_back(page);
  --pages_in_use_;
}

int64_t KvCache::free_tokens() const { return (max_pages_ - pages_in_use_) * kPagePositions; }

int64_t KvCache::bytes() const {
  return static_cast<int64_t>(pages_.size()) * shape_.floats() *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace gantry
