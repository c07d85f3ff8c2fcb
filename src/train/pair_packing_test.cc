#include "train/pair_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"

namespace gantry {
namespace {

Pair make_pair(uint64_t key, std::vector<int32_t> prompt, std::vector<int32_t> answer) {
  Pair pair{.answer = std::move(answer), .key = key, .id = "case-" + std::to_string(key)};
  pair.prompt.ids = std::move(prompt);
  return pair;
}

std::vector<int32_t> drawn(Random& random, size_t n, uint64_t words) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < n; ++i) out.push_back(static_cast<int32_t>(random.below(words)));
  return out;
}

// Cases asked several things: an instruction, a text each, a question, an answer; few words, so
// that beginnings meet by chance too.
std::vector<Pair> drawn_pairs(uint64_t seed, size_t cases, uint64_t words) {
  Random random(seed);
  const std::vector<int32_t> instruction = drawn(random, 12, words);
  std::vector<Pair> pairs;
  for (size_t c = 0; c < cases; ++c) {
    std::vector<int32_t> text = instruction;
    for (int32_t id : drawn(random, random.below(30), words)) text.push_back(id);
    for (size_t q = 0; q <= random.below(3); ++q) {
      std::vector<int32_t> prompt = text;
      for (int32_t id : drawn(random, random.below(4), words)) prompt.push_back(id);
      pairs.push_back(make_pair(c + 1, prompt, drawn(random, 1 + random.below(5), words)));
    }
  }
  return pairs;
}

std::vector<const Pair*> pointers(const std::vector<Pair>& pairs) {
  std::vector<const Pair*> out;
  for (const Pair& pair : pairs) out.push_back(&pair);
  return out;
}

// The tokens that a row sees, itself last.
std::vector<int32_t> line_of(const SegmentedStep& step, int32_t row) {
  int segment = 0;
  while (row < step.segments[segment].row ||
         row >= step.segments[segment].row + step.segments[segment].rows)
    ++segment;
  std::vector<int32_t> line(step.tokens.begin() + step.segments[segment].row,
                            step.tokens.begin() + row + 1);
  for (int at = step.segments[segment].parent; at >= 0; at = step.segments[at].parent) {
    const auto begin = step.tokens.begin() + step.segments[at].row;
    line.insert(line.begin(), begin, begin + step.segments[at].rows);
  }
  EXPECT_EQ(step.positions[row] + 1, static_cast<int32_t>(line.size()));
  return line;
}

class Layout : public testing::TestWithParam<uint64_t> {};

// Every answer token is predicted once for its pair, from a row that sees what came before it and
// nothing else.
TEST_P(Layout, EveryLabelSeesItsOwnPromptAlone) {
  const uint64_t seed = GetParam();
  const std::vector<Pair> pairs = drawn_pairs(seed, 6, seed % 2 ? 2 : 50);
  SegmentedStep step;
  std::vector<int32_t> label_of;
  lay_out(pointers(pairs), 0, step, &label_of);
  ASSERT_EQ(label_of.size(), step.labels.size());
  std::map<int32_t, std::multiset<std::pair<size_t, int32_t>>> seen;
  for (size_t i = 0; i < step.labels.size(); ++i) {
    const Pair& pair = pairs[static_cast<size_t>(label_of[i])];
    const std::vector<int32_t> line = line_of(step, step.labels[i].row);
    std::vector<int32_t> whole = pair.prompt.ids;
    whole.insert(whole.end(), pair.answer.begin(), pair.answer.end());
    ASSERT_LT(line.size(), whole.size());
    ASSERT_GE(line.size(), pair.prompt.ids.size());
    EXPECT_TRUE(std::equal(line.begin(), line.end(), whole.begin()));
    EXPECT_EQ(step.labels[i].label, whole[line.size()]);
    seen[label_of[i]].insert({line.size(), step.labels[i].label});
    if (i > 0) {
      EXPECT_LE(step.labels[i - 1].row, step.labels[i].row);
    }
  }
  for (size_t p = 0; p < pairs.size(); ++p)
    EXPECT_EQ(seen[static_cast<int32_t>(p)].size(), pairs[p].answer.size());
  EXPECT_EQ(step.rows(), rows_of(pointers(pairs)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Layout, testing::Range<uint64_t>(1, 41));

TEST(Layout, TheInstructionAndACasesTextAreComputedOnce) {
  std::vector<int32_t> instruction(20, 1), text_a(30, 2), text_b(30, 3);
  const auto join = [&](const std::vector<int32_t>& text, int32_t question) {
    std::vector<int32_t> out = instruction;
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(question);
    return out;
  };
  const std::vector<Pair> pairs = {make_pair(1, join(text_a, 7), {10, 11}),
                                   make_pair(1, join(text_a, 8), {12, 11}),
                                   make_pair(2, join(text_b, 7), {13, 11})};
  EXPECT_EQ(rows_of(pointers(pairs)), 20 + 30 + 2 + 2 + (30 + 2));
  SegmentedStep step;
  lay_out(pointers(pairs), 0, step);
  EXPECT_EQ(step.segments.size(), 5u);
}

// The mask of a row is that of the pair alone, whatever it is packed with.
TEST(Layout, DropoutDependsOnTheStepAndTheTextAlone) {
  const std::vector<Pair> pairs = drawn_pairs(3, 4, 50);
  SegmentedStep together, other;
  lay_out(pointers(pairs), 5, together);
  lay_out(pointers(pairs), 6, other);
  ASSERT_EQ(together.row_keys.size(), together.tokens.size());
  EXPECT_NE(together.row_keys, other.row_keys);
  EXPECT_EQ(std::set(together.row_keys.begin(), together.row_keys.end()).size(),
            together.row_keys.size());
  std::map<std::vector<int32_t>, uint64_t> key_of;
  for (int32_t row = 0; row < together.rows(); ++row)
    key_of[line_of(together, row)] = together.row_keys[static_cast<size_t>(row)];
  for (const Pair& pair : pairs) {
    SegmentedStep alone;
    lay_out(std::vector{&pair}, 5, alone);
    for (int32_t row = 0; row < alone.rows(); ++row)
      EXPECT_EQ(alone.row_keys[static_cast<size_t>(row)], key_of.at(line_of(alone, row)));
  }
}

TEST(FirstFitDecreasing, FillsBins) {
  const std::vector<int64_t> sizes = {5, 7, 3, 5, 9, 1};
  const auto bins = first_fit_decreasing(sizes, 12, 2);
  std::multiset<size_t> all;
  for (const auto& bin : bins) {
    int64_t sum = 0;
    for (size_t i : bin) sum += sizes[i];
    EXPECT_LE(sum, 10);
    all.insert(bin.begin(), bin.end());
  }
  EXPECT_EQ(bins.size(), 3u);  // 9 1 | 7 3 | 5 5
  EXPECT_EQ(all, (std::multiset<size_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(first_fit_decreasing(std::vector<int64_t>{20, 3}, 12, 2).size(), 2u);
}

TEST(PairPlan, StepsHoldEveryPairOnceAndCasesWhole) {
  const std::vector<Pair> pairs = drawn_pairs(11, 40, 50);
  const PairPlan plan(pairs);
  EXPECT_EQ(plan.units().size(), 40u);
  for (const int batch : {8, 0}) {
    const PairTuneSettings settings{.batch_pairs = batch, .tokens_a_step = 150};
    std::multiset<const Pair*> seen;
    for (const auto& step : plan.steps(settings, 1, 0)) {
      const auto of_step = plan.pairs_of(step);
      seen.insert(of_step.begin(), of_step.end());
      if (batch == 0 && step.size() > 1) {
        EXPECT_LE(rows_of(of_step), 150);
      } else if (batch == 8) {
        EXPECT_LE(of_step.size(), 8u + 2u);
      }
    }
    EXPECT_EQ(seen.size(), pairs.size());
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), pairs.size());
    EXPECT_EQ(plan.steps(settings, 1, 0), plan.steps(settings, 1, 0));
    EXPECT_NE(plan.steps(settings, 1, 0), plan.steps(settings, 1, 1));
    EXPECT_NE(plan.steps(settings, 1, 0), plan.steps(settings, 2, 0));
  }
}

TEST(PairPlan, PassesKeepWithinTheirLimits) {
  const std::vector<Pair> pairs = drawn_pairs(13, 30, 50);
  const PairPlan plan(pairs);
  std::vector<size_t> all(plan.units().size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  const PassLimits limits{.rows = 120, .pairs = 7, .labels = 15};
  size_t seen = 0;
  for (const auto& pass : plan.passes(all, limits)) {
    const auto of_pass = plan.pairs_of(pass);
    seen += of_pass.size();
    EXPECT_LE(rows_of(of_pass), 120);
    EXPECT_LE(of_pass.size(), 7u);
    EXPECT_LE(labels_of(of_pass), 15);
  }
  EXPECT_EQ(seen, pairs.size());
}

}  // namespace
}  // namespace gantry
