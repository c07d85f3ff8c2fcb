#include "workflow/neighbours.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gantry {
namespace {

constexpr size_t kNeighboursShown = 3;
constexpr size_t kShownCharacters = 400;

std::string first_characters(const std::string& text, size_t most) {
  size_t seen = 0, at = 0;
  while (at < text.size() && seen < most) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    ++seen;
  }
  return at < text.size() ? text.substr(0, at) + "…" : text;
}

double dot(const SparseRow& a, const SparseRow& b) {
  double sum = 0;
  for (size_t i = 0, j = 0; i < a.column.size() && j < b.column.size();) {
    if (a.column[i] == b.column[j])
      sum += a.value[i++] * b.value[j++];
    else if (a.column[i] < b.column[j])
      ++i;
    else
      ++j;
  }
  return sum;
}

// Rows have length 1 a block each.
double length_of(const SparseRow& row) {
  double sum = 0;
  for (double v : row.value) sum += v * v;
  return std::sqrt(sum);
}

std::vector<std::string> texts_of(const std::vector<const Case*>& cases) {
  std::vector<std::string> out;
  for (const Case* item : cases) out.push_back(item->baseline_text);
  return out;
}

}  // namespace

TrainingNeighbours::TrainingNeighbours(const BlockTfidf& tfidf, std::vector<const Case*> training)
    : training_(std::move(training)), tfidf_(&tfidf) {
  read_training();
}

TrainingNeighbours::TrainingNeighbours(std::vector<const Case*> training)
    : training_(std::move(training)),
      own_(std::make_unique<BlockTfidf>(BlockTfidf::fit(
          texts_of(training_),
          std::vector<TfidfOptions>{
              {.unit = NgramUnit::kWord, .shortest = 1, .longest = 2, .min_documents = 1}}))),
      tfidf_(own_.get()) {
  read_training();
}

void TrainingNeighbours::read_training() {
  const auto texts = texts_of(training_);
  const SparseRows rows = tfidf_->transform(texts);
  for (size_t i = 0; i < training_.size(); ++i) {
    row_.push_back(rows.row(static_cast<int64_t>(i)));
    length_.push_back(length_of(row_.back()));
  }
}

std::vector<Neighbour> TrainingNeighbours::of(const Case& item, AnswerKind kind) const {
  const SparseRow query = tfidf_->transform(item.baseline_text);
  const double size = length_of(query);
  std::vector<std::pair<double, size_t>> near;
  for (size_t i = 0; i < training_.size(); ++i)
    if (size > 0 && length_[i] > 0) near.emplace_back(dot(query, row_[i]) / (size * length_[i]), i);
  const size_t most = std::min(kNeighboursShown, near.size());
  std::partial_sort(near.begin(), near.begin() + static_cast<ptrdiff_t>(most), near.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  std::vector<Neighbour> out;
  for (size_t k = 0; k < most; ++k) {
    const Case& n = *training_[near[k].second];
    out.push_back({.id = n.id,
                   .source = n.source,
                   .text = first_characters(n.text, kShownCharacters),
                   .label = kind == AnswerKind::kClosedSet ? n.label : -1,
                   .similarity = near[k].first,
                   .answer = reference_answer(n, kind)});
  }
  return out;
}

}  // namespace gantry
