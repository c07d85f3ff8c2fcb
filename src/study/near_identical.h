// Near-identical texts: pairs whose sets of character n-grams have a Jaccard similarity of at least
// a threshold. Exact, not a sketch: a prefix filter (Bayardo, Ma, Srikant, WWW 2007; Xiao et al.,
// WWW 2008) leaves out only pairs that cannot reach the threshold, so that "no such pair" is a
// proof.
//
//   NearIdentical texts(5, 0.9);
//   for (...) texts.add(report);
//   texts.for_each_pair([](size_t i, size_t j) { return i < j; },
//                       [](size_t i, size_t j, double jaccard) { ... });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

class NearIdentical {
 public:
  // `ngram` >= 1; `threshold` in (0, 1].
  NearIdentical(int64_t ngram, double threshold) : ngram_(ngram), threshold_(threshold) {}

  // Texts are numbered in the order they are added. Compared are NFKC, lower-case texts without
  // white space; shorter ones than an n-gram count as one; empty ones are near nothing.
  void add(std::string_view text);
  size_t size() const { return begin_.size(); }

  // Calls found(i, j, jaccard), i < j, for every pair of at least the threshold for which
  // wanted(i, j) was true. `wanted` is asked just before a pair is compared and may change its mind
  // as pairs are found (union-find). The order of calls is fixed by the texts. Memory beside the
  // texts' n-grams (8 bytes each): 16 bytes for one in ten of them.
  void for_each_pair(const std::function<bool(size_t, size_t)>& wanted,
                     const std::function<void(size_t, size_t, double)>& found) const;

 private:
  struct Index;
  const Index& index() const;
  size_t count(size_t text) const;
  double jaccard(size_t a, size_t b) const;  // -1 as soon as it cannot reach the threshold

  int64_t ngram_;
  double threshold_;
  std::vector<uint64_t> grams_;                 // of all texts, sorted and unique within each
  std::vector<size_t> begin_;                   // [size()]
  mutable std::shared_ptr<const Index> index_;  // made at the first question
};

}  // namespace gantry
