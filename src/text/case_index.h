// The TF-IDF vectors of training cases, to be asked for cosines.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/stored_parts.h"
#include "text/tfidf.h"

namespace gantry {

class CaseIndex {
 public:
  // Words of one to `longest`, those of a single text too.
  static CaseIndex fit(std::span<const std::string> texts, int longest = 2);
  // Characters within words, two to five.
  static CaseIndex fit_characters(std::span<const std::string> texts);
  std::vector<double> cosines(std::string_view text) const;  // [cases] with each case's text
  size_t cases() const { return static_cast<size_t>(rows_.rows()); }

  void write(PartsWriter& out) const;
  static CaseIndex read(PartsReader& in);  // E0652

 private:
  CaseIndex(Tfidf tfidf, SparseRows rows);
  static CaseIndex fit_as(std::span<const std::string> texts, const TfidfOptions& options);
  struct Entry {
    int64_t row;
    double value;
  };
  Tfidf tfidf_;
  SparseRows rows_;  // each of length 1
  std::vector<std::vector<Entry>> by_column_;
};

}  // namespace gantry
