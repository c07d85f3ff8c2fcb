#include "text/block_tfidf.h"

#include <algorithm>

#include "base/error.h"
#include "text/ngrams.h"

namespace gantry {
namespace {

std::vector<std::string_view> cut_blocks(std::string_view text, size_t blocks) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < blocks) {
    size_t at = text.find(kBlockSeparator);
    parts.push_back(text.substr(0, at));
    text = at == std::string_view::npos ? text.substr(text.size()) : text.substr(at + 1);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

BlockTfidf BlockTfidf::fit(std::span<const std::string> texts,
                           std::span<const TfidfOptions> options) {
  const size_t blocks = options.size();
  GANTRY_CHECK(blocks >= 1);
  std::vector<Tfidf> fitted;
  bool any = false;
  for (size_t b = 0; b < blocks; ++b) {
    std::vector<std::string> part;
    for (const auto& text : texts) part.emplace_back(cut_blocks(text, blocks)[b]);
    try {
      fitted.push_back(Tfidf::fit(part, options[b]));
      any = true;
    } catch (const Error& error) {
      if (error.code() != "E0653" || (b + 1 == blocks && !any)) throw;
      fitted.emplace_back(options[b], std::vector<std::string>{}, std::vector<double>{});
    }
  }
  return BlockTfidf(std::move(fitted));
}

BlockTfidf::BlockTfidf(std::vector<Tfidf> blocks) : blocks_(std::move(blocks)), start_{0} {
  GANTRY_CHECK(!blocks_.empty());
  for (const auto& block : blocks_)
    start_.push_back(start_.back() + static_cast<int64_t>(block.vocabulary().size()));
}

std::vector<std::string_view> BlockTfidf::parts_of(std::string_view text) const {
  return cut_blocks(text, blocks_.size());
}

SparseRow BlockTfidf::transform(std::string_view text) const {
  SparseRow row;
  auto parts = parts_of(text);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    SparseRow block = blocks_[b].transform(parts[b]);
    for (size_t i = 0; i < block.column.size(); ++i) {
      row.column.push_back(block.column[i] + static_cast<int32_t>(start_[b]));
      row.value.push_back(block.value[i]);
    }
  }
  return row;
}

SparseRows BlockTfidf::transform(std::span<const std::string> texts) const {
  SparseRows rows;
  rows.columns = columns();
  for (const auto& text : texts) rows.add(transform(text));
  return rows;
}

const std::string& BlockTfidf::ngram(int32_t column) const {
  size_t b = 0;
  while (column >= start_[b + 1]) ++b;
  return blocks_[b].vocabulary()[static_cast<size_t>(column - start_[b])];
}

std::vector<double> BlockTfidf::by_byte(std::string_view text,
                                        std::span<const Contribution> parts) const {
  std::vector<double> share(static_cast<size_t>(columns())), by_byte(text.size());
  for (const auto& part : parts) share[static_cast<size_t>(part.column)] = part.value;
  auto texts = parts_of(text);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const Tfidf& tfidf = blocks_[b];
    const NgramText laid_out(texts[b], tfidf.options().unit, tfidf.options().lower_case);
    const int shortest = tfidf.options().shortest, longest = tfidf.options().longest;
    const auto offset = static_cast<size_t>(texts[b].data() - text.data());
    std::vector<int32_t> occurrences(tfidf.vocabulary().size());
    laid_out.for_each(shortest, longest, [&](std::string_view ngram, size_t, size_t) {
      const int32_t column = tfidf.column_of(ngram);
      if (column >= 0) ++occurrences[static_cast<size_t>(column)];
    });
    laid_out.for_each(shortest, longest, [&](std::string_view ngram, size_t first, size_t last) {
      const int32_t column = tfidf.column_of(ngram);
      if (column < 0) return;
      const size_t begin = laid_out.units()[first].original_begin,
                   end = laid_out.units()[last - 1].original_end;
      if (begin == end) return;  // an added blank alone
      const double each = share[static_cast<size_t>(start_[b] + column)] /
                          occurrences[static_cast<size_t>(column)] /
                          static_cast<double>(end - begin);
      for (size_t i = begin; i < end; ++i) by_byte[offset + i] += each;
    });
  }
  return by_byte;
}

}  // namespace gantry
