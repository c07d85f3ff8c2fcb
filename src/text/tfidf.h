// TF-IDF of character or word n-grams; equal to scikit-learn's TfidfVectorizer with the same
// settings (idf = ln((1 + n) / (1 + df)) + 1 when smooth, tf = 1 + ln(count) when sublinear, rows
// scaled to length 1).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stats/sparse.h"
#include "text/ngrams.h"

namespace gantry {

struct TfidfOptions {
  NgramUnit unit = NgramUnit::kCharacter;
  int shortest = 1, longest = 5;
  int64_t min_documents = 2;  // n-grams of fewer texts are left out
  bool lower_case = true;
  bool sublinear = true;
  bool smooth = true;
};

class Tfidf {
 public:
  // Learns the vocabulary (in code point order) and the idf. `texts` are UTF-8.
  static Tfidf fit(std::span<const std::string> texts, const TfidfOptions& options = {});
  Tfidf(Tfidf&&) = default;
  Tfidf& operator=(Tfidf&&) = default;
  Tfidf(const Tfidf&) = delete;  // a copy's keys would point into the original
  // A fitted one, from its stored parts (see ngram_classifier.h).
  Tfidf(TfidfOptions options, std::vector<std::string> vocabulary, std::vector<double> idf);

  SparseRow transform(std::string_view text) const;  // unknown n-grams are left out
  SparseRow transform(const NgramText& text) const;
  SparseRows transform(std::span<const std::string> texts) const;
  int32_t column_of(std::string_view ngram) const;  // -1: not in the vocabulary

  const TfidfOptions& options() const { return options_; }
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }  // [columns]
  const std::vector<double>& idf() const { return idf_; }                     // [columns]

 private:
  TfidfOptions options_;
  std::vector<std::string> vocabulary_;
  std::vector<double> idf_;
  std::unordered_map<std::string_view, int32_t> column_;  // keys point into vocabulary_
};

}  // namespace gantry
