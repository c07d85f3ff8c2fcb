// TF-IDF over a text of several blocks (sections, clauses about the organ in question, ...): each
// block has its own vocabulary and its own unit length, so that a word in the diagnosis is another
// feature than in the findings.
//
// Blocks stand in one string, parted by kBlockSeparator; there are always as many as were fitted.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stats/logistic_regression.h"
#include "stats/sparse.h"
#include "text/tfidf.h"

namespace gantry {

inline constexpr char kBlockSeparator =
    '\x1e';  // the record separator: no report's text holds it after cleaning

class BlockTfidf {
 public:
  // One block an entry of `options`. A block without any shared n-gram gets an empty vocabulary;
  // E0653 when that holds for all of them.
  static BlockTfidf fit(std::span<const std::string> texts, std::span<const TfidfOptions> options);
  explicit BlockTfidf(std::vector<Tfidf> blocks);

  const std::vector<Tfidf>& blocks() const { return blocks_; }
  int64_t columns() const { return start_.back(); }
  SparseRow transform(std::string_view text) const;
  SparseRows transform(std::span<const std::string> texts) const;
  const std::string& ngram(int32_t column) const;

  // Contributions of columns spread evenly over the occurrences of their n-grams: [text.size()].
  std::vector<double> by_byte(std::string_view text, std::span<const Contribution> parts) const;

 private:
  // The blocks of a text: exactly blocks_.size(), missing ones empty; text behind the last belongs
  // to it.
  std::vector<std::string_view> parts_of(std::string_view text) const;

  std::vector<Tfidf> blocks_;
  std::vector<int64_t> start_;  // first column of each block, and the end
};

}  // namespace gantry
