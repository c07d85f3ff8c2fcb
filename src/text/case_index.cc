#include "text/case_index.h"

#include <algorithm>

#include "text/ranker_parts.h"

namespace gantry {

CaseIndex::CaseIndex(Tfidf tfidf, SparseRows rows)
    : tfidf_(std::move(tfidf)), rows_(std::move(rows)) {
  by_column_.resize(static_cast<size_t>(rows_.columns));
  for (int64_t i = 0; i < rows_.rows(); ++i) {
    for (int64_t at = rows_.start[i]; at < rows_.start[i + 1]; ++at) {
      by_column_[rows_.column[at]].push_back({i, rows_.value[at]});
    }
  }
}

CaseIndex CaseIndex::fit_as(std::span<const std::string> texts, const TfidfOptions& options) {
  Tfidf tfidf = Tfidf::fit(texts, options);
  SparseRows rows = tfidf.transform(texts);
  return CaseIndex(std::move(tfidf), std::move(rows));
}

CaseIndex CaseIndex::fit(std::span<const std::string> texts, int longest) {
  return fit_as(texts,
                {.unit = NgramUnit::kWord, .shortest = 1, .longest = longest, .min_documents = 1});
}

CaseIndex CaseIndex::fit_characters(std::span<const std::string> texts) {
  return fit_as(
      texts,
      {.unit = NgramUnit::kCharacterInWord, .shortest = 2, .longest = 5, .min_documents = 1});
}

std::vector<double> CaseIndex::cosines(std::string_view text) const {
  std::vector<double> cosine(cases());
  const SparseRow row = tfidf_.transform(text);
  for (size_t i = 0; i < row.column.size(); ++i) {
    for (const Entry& e : by_column_[row.column[i]]) cosine[e.row] += row.value[i] * e.value;
  }
  return cosine;
}

void CaseIndex::write(PartsWriter& out) const {
  write_tfidf(out, tfidf_);
  out.numbers<int64_t>(rows_.start);
  out.numbers<int32_t>(rows_.column);
  out.numbers<double>(rows_.value);
}

CaseIndex CaseIndex::read(PartsReader& in) {
  Tfidf tfidf = read_tfidf(in);
  SparseRows rows;
  rows.columns = static_cast<int64_t>(tfidf.vocabulary().size());
  rows.start = in.numbers<int64_t>();
  rows.column = in.numbers<int32_t>();
  rows.value = in.numbers<double>();
  const bool fits = rows.start.size() > 1 && rows.start.front() == 0 &&
                    std::is_sorted(rows.start.begin(), rows.start.end()) &&
                    rows.start.back() == static_cast<int64_t>(rows.column.size()) &&
                    rows.value.size() == rows.column.size() &&
                    std::all_of(rows.column.begin(), rows.column.end(),
                                [&](int32_t c) { return c >= 0 && c < rows.columns; });
  if (!fits) in.refuse("the cases' vectors do not fit each other");
  return CaseIndex(std::move(tfidf), std::move(rows));
}

}  // namespace gantry
