#include "text/tfidf.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/ngrams.h"

namespace gantry {
namespace {

// Occurrences of each n-gram of a text.
std::unordered_map<std::string_view, int64_t> counts(const NgramText& text,
                                                     const TfidfOptions& options) {
  std::unordered_map<std::string_view, int64_t> count;
  text.for_each(options.shortest, options.longest,
                [&](std::string_view ngram, size_t, size_t) { ++count[ngram]; });
  return count;
}

}  // namespace

Tfidf Tfidf::fit(std::span<const std::string> texts, const TfidfOptions& options) {
  GANTRY_CHECK(options.shortest >= 1 && options.longest >= options.shortest);
  std::vector<NgramText> prepared;
  prepared.reserve(texts.size());  // the map's keys point into the prepared texts
  struct Seen {
    int64_t documents = 0;
    size_t last = 0;  // text number + 1
  };
  std::unordered_map<std::string_view, Seen> seen;
  for (size_t t = 0; t < texts.size(); ++t) {
    prepared.emplace_back(texts[t], options.unit, options.lower_case);
    prepared.back().for_each(options.shortest, options.longest,
                             [&](std::string_view ngram, size_t, size_t) {
                               Seen& s = seen[ngram];
                               if (s.last == t + 1) return;
                               s.last = t + 1;
                               ++s.documents;
                             });
  }
  std::vector<std::string> vocabulary;
  for (const auto& [ngram, s] : seen) {
    if (s.documents >= options.min_documents) vocabulary.emplace_back(ngram);
  }
  if (vocabulary.empty()) {
    throw Error("E0653",
                "n-gram baseline: none of " + std::to_string(texts.size()) +
                    " texts shares an n-gram with " + std::to_string(options.min_documents) +
                    " texts or more",
                "Give more texts, or lower min_documents.");
  }
  std::sort(vocabulary.begin(), vocabulary.end());  // byte order of UTF-8 is code point order
  const double one = options.smooth ? 1 : 0, n = static_cast<double>(texts.size());
  std::vector<double> idf;
  for (const std::string& ngram : vocabulary) {
    idf.push_back(std::log((n + one) / (static_cast<double>(seen.at(ngram).documents) + one)) + 1);
  }
  return Tfidf(options, std::move(vocabulary), std::move(idf));
}

Tfidf::Tfidf(TfidfOptions options, std::vector<std::string> vocabulary, std::vector<double> idf)
    : options_(options), vocabulary_(std::move(vocabulary)), idf_(std::move(idf)) {
  GANTRY_CHECK(vocabulary_.size() == idf_.size());
  column_.reserve(vocabulary_.size());
  for (size_t i = 0; i < vocabulary_.size(); ++i) {
    column_.emplace(vocabulary_[i], static_cast<int32_t>(i));
  }
}

int32_t Tfidf::column_of(std::string_view ngram) const {
  const auto found = column_.find(ngram);
  return found == column_.end() ? -1 : found->second;
}

SparseRow Tfidf::transform(std::string_view text) const {
  return transform(NgramText(text, options_.unit, options_.lower_case));
}

SparseRow Tfidf::transform(const NgramText& text) const {
  std::vector<std::pair<int32_t, double>> entries;
  double squares = 0;
  for (const auto& [ngram, count] : counts(text, options_)) {
    const int32_t column = column_of(ngram);
    if (column < 0) continue;
    const double tf =
        options_.sublinear ? 1 + std::log(static_cast<double>(count)) : static_cast<double>(count);
    entries.emplace_back(column, tf * idf_[column]);
  }
  std::sort(entries.begin(), entries.end());
  for (const auto& [column, value] : entries) squares += value * value;
  const double length = squares > 0 ? std::sqrt(squares) : 1;
  SparseRow row;
  for (const auto& [column, value] : entries) {
    row.column.push_back(column);
    row.value.push_back(value / length);
  }
  return row;
}

SparseRows Tfidf::transform(std::span<const std::string> texts) const {
  SparseRows rows;
  rows.columns = static_cast<int64_t>(vocabulary_.size());
  for (const std::string& text : texts) rows.add(transform(text));
  return rows;
}

}  // namespace gantry
