#include "train/pair_packing.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace gantry {

namespace {

// A pair's tokens as the model reads them: the prompt, then the answer without its last token.
int64_t length_of(const Pair& pair) {
  return static_cast<int64_t>(pair.prompt.ids.size() + pair.answer.size()) - 1;
}

int32_t token_at(const Pair& pair, int64_t i) {
  const auto prompt = static_cast<int64_t>(pair.prompt.ids.size());
  return i < prompt ? pair.prompt.ids[static_cast<size_t>(i)]
                    : pair.answer[static_cast<size_t>(i - prompt)];
}

// How many tokens two pairs begin with alike.
int64_t shared(const Pair& a, const Pair& b) {
  const int64_t n = std::min(length_of(a), length_of(b));
  int64_t i = 0;
  while (i < n && token_at(a, i) == token_at(b, i)) ++i;
  return i;
}

bool before(const Pair& a, const Pair& b) {
  const int64_t i = shared(a, b);
  if (i == length_of(a) || i == length_of(b)) return length_of(a) < length_of(b);
  return token_at(a, i) < token_at(b, i);
}

// The tree of beginnings over sorted pairs. `visit(range of pairs, from, to, parent)` is called for
// each segment (tokens [from, to) of any pair of the range) and returns its number.
template <typename Visit>
class PrefixTree {
 public:
  PrefixTree(std::span<const Pair* const> sorted, const Visit& visit)
      : pairs_(sorted), visit_(visit), shared_(sorted.size(), 0) {
    for (size_t i = 1; i < pairs_.size(); ++i) shared_[i] = shared(*pairs_[i - 1], *pairs_[i]);
  }
  void walk() { branch(0, pairs_.size(), 0, -1); }

 private:
  // Pairs [begin, end) share their first `depth` tokens, which are laid out up to `parent`.
  void branch(size_t begin, size_t end, int64_t depth, int parent) {
    for (size_t i = begin; i < end;) {
      size_t j = i + 1;
      int64_t common = length_of(*pairs_[i]);
      while (j < end && shared_[j] >= depth + kLeastShared) common = std::min(common, shared_[j++]);
      if (j == i + 1) {
        if (common > depth || parent < 0) visit_(i, j, depth, common, parent);
        i = j;
        continue;
      }
      const int segment = visit_(i, j, depth, common, parent);
      branch(i, j, common, segment);
      i = j;
    }
  }

  std::span<const Pair* const> pairs_;
  const Visit& visit_;
  std::vector<int64_t> shared_;  // with the pair before
};

std::vector<size_t> sorted_order(std::span<const Pair* const> pairs) {
  std::vector<size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return before(*pairs[a], *pairs[b]); });
  return order;
}

}  // namespace

void lay_out(std::span<const Pair* const> pairs, uint64_t dropout_key, SegmentedStep& step,
             std::vector<int32_t>* label_of) {
  step.clear();
  const std::vector<size_t> order = sorted_order(pairs);
  std::vector<const Pair*> sorted;
  for (size_t i : order) sorted.push_back(pairs[i]);
  struct Labelled {
    LabelRow label;
    int32_t pair;
  };
  std::vector<Labelled> labels;
  std::vector<int32_t> tokens;
  std::vector<uint64_t> row_keys, seen_at_end;
  const auto visit = [&](size_t begin, size_t end, int64_t from, int64_t to, int parent) {
    tokens.clear();
    for (int64_t i = from; i < to; ++i) tokens.push_back(token_at(*sorted[begin], i));
    const int segment = step.add(tokens, parent);
    if (dropout_key != 0) {
      // A row's mask follows from the tokens it sees, whatever they are packed with.
      uint64_t seen = parent < 0 ? dropout_key : seen_at_end[static_cast<size_t>(parent)];
      for (int32_t token : tokens)
        row_keys.push_back(seen = mix64(seen, static_cast<uint64_t>(token)));
      seen_at_end.push_back(seen);
    }
    const int32_t row = step.segments[static_cast<size_t>(segment)].row;
    for (size_t k = begin; k < end; ++k) {
      const auto prompt = static_cast<int64_t>(sorted[k]->prompt.ids.size());
      for (int64_t i = std::max(from, prompt - 1); i < to; ++i)
        labels.push_back(
            {{static_cast<int32_t>(row + i - from),
              sorted[k]->answer[static_cast<size_t>(i - prompt + 1)], sorted[k]->token_weight},
             static_cast<int32_t>(order[k])});
    }
    return segment;
  };
  PrefixTree(std::span<const Pair* const>(sorted), visit).walk();
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Labelled& a, const Labelled& b) { return a.label.row < b.label.row; });
  if (label_of) label_of->clear();
  for (const Labelled& l : labels) {
    step.labels.push_back(l.label);
    if (label_of) label_of->push_back(l.pair);
  }
  step.row_keys = std::move(row_keys);
  step.finish();
}

int64_t rows_of(std::span<const Pair* const> pairs) {
  const std::vector<size_t> order = sorted_order(pairs);
  std::vector<const Pair*> sorted;
  for (size_t i : order) sorted.push_back(pairs[i]);
  int64_t rows = 0;
  const auto visit = [&](size_t, size_t, int64_t from, int64_t to, int) {
    rows += to - from;
    return 0;
  };
  PrefixTree(std::span<const Pair* const>(sorted), visit).walk();
  return rows;
}

int64_t labels_of(std::span<const Pair* const> pairs) {
  int64_t n = 0;
  for (const Pair* pair : pairs) n += static_cast<int64_t>(pair->answer.size());
  return n;
}

double weight_of(std::span<const Pair* const> pairs) {
  double sum = 0;
  for (const Pair* pair : pairs)
    sum += static_cast<double>(pair->token_weight) * static_cast<double>(pair->answer.size());
  return sum;
}

std::vector<std::vector<size_t>> first_fit_decreasing(std::span<const int64_t> sizes,
                                                      int64_t capacity, int64_t overhead) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<std::vector<size_t>> bins;
  std::vector<int64_t> left;
  size_t first_open = 0;  // bins before it are full for every size still to come
  const int64_t smallest = sizes.empty() ? 0 : sizes[order.back()];
  for (size_t i : order) {
    size_t bin = first_open;
    while (bin < bins.size() && left[bin] < sizes[i]) ++bin;
    if (bin == bins.size()) {
      bins.emplace_back();
      left.push_back(capacity - overhead);
    }
    bins[bin].push_back(i);
    left[bin] -= sizes[i];
    while (first_open < bins.size() && left[first_open] < smallest) ++first_open;
  }
  for (auto& bin : bins) std::sort(bin.begin(), bin.end());
  return bins;
}

namespace {

// The most rows that the pairs can take up in any company in which the first `common` tokens are
// shared: a beginning shared beyond that may cost up to kLeastShared - 1 rows again, where others
// part from it close before.
int64_t most_rows(std::span<const Pair* const> pairs, int64_t common) {
  const std::vector<size_t> order = sorted_order(pairs);
  int64_t rows = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t known =
        i == 0
            ? common
            : std::max(common, shared(*pairs[order[i - 1]], *pairs[order[i]]) - kLeastShared + 1);
    rows += length_of(*pairs[order[i]]) - known;
  }
  return rows;
}

}  // namespace

PairPlan::PairPlan(std::span<const Pair> pairs) : pairs_(pairs) {
  if (pairs.empty()) return;
  common_ = length_of(pairs[0]);
  for (const Pair& pair : pairs) common_ = std::min(common_, shared(pairs[0], pair));
  if (common_ < kLeastShared || pairs.size() == 1) common_ = 0;
  for (size_t i = 0; i < pairs.size();) {
    PairUnit unit{.begin = i};
    std::vector<const Pair*> members;
    for (; i < pairs.size() && pairs[i].key == pairs[unit.begin].key; ++i)
      members.push_back(&pairs[i]);
    unit.end = i;
    unit.rows = most_rows(members, common_);
    unit.labels = labels_of(members);
    units_.push_back(unit);
  }
}

int64_t PairPlan::largest_unit() const {
  int64_t largest = 0;
  for (const PairUnit& unit : units_) largest = std::max(largest, unit.rows + common_);
  return largest;
}

std::vector<std::vector<size_t>> PairPlan::steps(const PairTuneSettings& settings, uint64_t seed,
                                                 int epoch) const {
  std::vector<size_t> order(units_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random random(seed, mix64(stream_of("pair order"), static_cast<uint64_t>(epoch)));
  random.shuffle(order);
  std::vector<std::vector<size_t>> steps;
  if (settings.batch_pairs > 0) {
    int64_t held = settings.batch_pairs;  // pairs in the last step
    for (size_t i : order) {
      if (held >= settings.batch_pairs) {
        steps.emplace_back();
        held = 0;
      }
      steps.back().push_back(i);
      held += static_cast<int64_t>(units_[i].end - units_[i].begin);
    }
    return steps;
  }
  std::vector<int64_t> sizes;
  for (size_t i : order) sizes.push_back(units_[i].rows);
  for (const auto& bin : first_fit_decreasing(sizes, settings.tokens_a_step, common_)) {
    steps.emplace_back();
    for (size_t i : bin) steps.back().push_back(order[i]);
  }
  random.shuffle(steps);
  return steps;
}

std::vector<std::vector<size_t>> PairPlan::passes(std::span<const size_t> step,
                                                  const PassLimits& limits) const {
  struct Pass {
    int64_t rows, pairs = 0, labels = 0;
  };
  std::vector<size_t> order(step.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return units_[step[a]].rows > units_[step[b]].rows; });
  std::vector<std::vector<size_t>> members;
  std::vector<Pass> passes;
  for (size_t i : order) {
    const PairUnit& unit = units_[step[i]];
    const auto pairs = static_cast<int64_t>(unit.end - unit.begin);
    size_t at = 0;
    while (at < passes.size() &&
           (passes[at].rows + unit.rows > limits.rows || passes[at].pairs + pairs > limits.pairs ||
            passes[at].labels + unit.labels > limits.labels))
      ++at;
    if (at == passes.size()) {
      passes.push_back({common_});
      members.emplace_back();
    }
    passes[at].rows += unit.rows;
    passes[at].pairs += pairs;
    passes[at].labels += unit.labels;
    members[at].push_back(i);
  }
  for (auto& pass : members) {
    std::sort(pass.begin(), pass.end());
    for (size_t& i : pass) i = step[i];
  }
  return members;
}

std::vector<const Pair*> PairPlan::pairs_of(std::span<const size_t> units) const {
  std::vector<const Pair*> out;
  for (size_t u : units)
    for (size_t i = units_[u].begin; i < units_[u].end; ++i) out.push_back(&pairs_[i]);
  return out;
}

}  // namespace gantry
