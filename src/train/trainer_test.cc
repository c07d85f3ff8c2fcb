// Properties of a step that need no outside truth.
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "models/test_reports.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

ModelFolder tiny(const std::string& name) {
  return ModelFolder::open(std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/encoder" / name);
}

std::vector<Example> reports(int n, uint64_t seed) { return random_reports(n, seed, 38, 30); }

FineTuneSettings settings_with_dropout() {
  FineTuneSettings s;
  s.classes = 3;
  s.batch_reports = 8;
  s.weight_decay = 0.1;
  return s;
}

std::vector<const Example*> pointers(const std::vector<Example>& examples, size_t begin = 0,
                                     size_t count = SIZE_MAX) {
  std::vector<const Example*> out;
  for (size_t i = begin; i < examples.size() && i - begin < count; ++i) out.push_back(&examples[i]);
  return out;
}

double relative(std::span<const float> a, std::span<const float> b) {
  double d = 0, s = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    d += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    s += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(d / s);
}

std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

// Dropout follows the report, so that the sum over one-report steps is the packed step, masks and
// all.
TEST(Trainer, APackedStepIsTheSumOfItsReportsAlone) {
  const ModelFolder base = tiny("bert_mean");
  const std::vector<Example> all = reports(8, 1);
  const CompactVocabulary vocabulary = CompactVocabulary::of(all, {}, base.config().vocab_size);
  Trainer t(base, settings_with_dropout(), vocabulary, training_shape(all, {}, 8), false, 0);
  t.start(5);
  const StepOutcome packed = t.accumulate(pointers(all), 77);
  const std::vector<float> together = copy(t.gradients());
  std::vector<float> sum(together.size());
  double loss = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    loss += t.accumulate(pointers(all, i, 1), 77).loss / 8;
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += t.gradients()[k] / 8;
  }
  EXPECT_NEAR(loss, packed.loss, 1e-6);
  EXPECT_LE(relative(sum, together), 1e-6);
}

TEST(Trainer, AStepDoesNotDependOnThreads) {
  const ModelFolder base = tiny("bert_mean");
  const std::vector<Example> all = reports(8, 2);
  const CompactVocabulary vocabulary = CompactVocabulary::of(all, {}, base.config().vocab_size);
  const int threads = thread_count();
  for (bool bf16 : {false, true}) {
    std::vector<std::vector<float>> weights;
    for (int n : {1, 2, 3}) {
      set_thread_count(n);
      Trainer t(base, settings_with_dropout(), vocabulary, training_shape(all, {}, 8), bf16, 0);
      t.start(5);
      for (uint64_t i = 0; i < 3; ++i) t.step(pointers(all), 1, i);
      weights.push_back(copy(t.weights()));
    }
    EXPECT_EQ(weights[0], weights[1]);
    EXPECT_EQ(weights[0], weights[2]);
  }
  set_thread_count(threads);
}

TEST(Trainer, TheCompactTableIsPlainAdamWOverTheWholeTable) {
  const ModelFolder base = tiny("xlmr_mean");
  const std::vector<Example> all = reports(24, 3);
  const int64_t v = base.config().vocab_size, h = base.config().hidden_size;
  std::vector<int32_t> every(static_cast<size_t>(v));
  std::iota(every.begin(), every.end(), 0);
  const CompactVocabulary whole(every, v), compact = CompactVocabulary::of(all, {}, v);
  ASSERT_LT(compact.ids().size(), whole.ids().size());
  const TrainingShape shape = training_shape(all, {}, 8);
  Trainer plain(base, settings_with_dropout(), whole, shape, false, 0);
  Trainer small(base, settings_with_dropout(), compact, shape, false, 0);
  plain.start(9);
  small.start(9);
  for (uint64_t i = 0; i < 50; ++i) {
    const auto batch = pointers(all, (i % 3) * 8, 8);
    const double factor = 1 - static_cast<double>(i) / 60;
    plain.step(batch, 100 * factor, i);  // a rate of 1e-2: decay is well above rounding
    small.step(batch, 100 * factor, i);
  }
  std::vector<float> table = base.read_f32("embeddings.word_embeddings.weight");
  for (float& w : table) w *= static_cast<float>(small.untouched_decay());
  for (size_t r = 0; r < compact.ids().size(); ++r)
    std::copy_n(small.weights().data() + static_cast<int64_t>(r) * h, h,
                table.data() + compact.ids()[r] * h);
  EXPECT_LT(small.untouched_decay(), 0.98);
  // 50 roundings of 2^-24 each, in the untouched rows; clipping norms summed in another order.
  EXPECT_LE(relative(table, plain.weights().first(table.size())), 2e-6);
  for (size_t i = 1; i < small.table().all().size(); ++i) {
    const Parameter &a = small.table().all()[i], &b = plain.table().all()[i];
    if (a.name.ends_with("query.bias")) continue;  // holds the key bias, whose gradient is rounding
    const auto n = static_cast<size_t>(a.elements());
    EXPECT_LE(relative(small.weights().subspan(static_cast<size_t>(a.offset), n),
                       plain.weights().subspan(static_cast<size_t>(b.offset), n)),
              2e-5)
        << a.name;
  }
}

TEST(Trainer, ReportsWithoutWeightChangeNothing) {
  const ModelFolder base = tiny("bert_mean");
  std::vector<Example> all = reports(6, 4);
  FineTuneSettings s = settings_with_dropout();
  s.dropout = s.attention_dropout = s.head_dropout = 0;
  const CompactVocabulary vocabulary = CompactVocabulary::of(all, {}, base.config().vocab_size);
  Trainer t(base, s, vocabulary, training_shape(all, {}, 8), false, 0);
  t.start(1);
  const double without = t.accumulate(pointers(all, 0, 4), 0).loss;
  const std::vector<float> gradients = copy(t.gradients());
  all[4].weight = all[5].weight = 0;
  EXPECT_NEAR(t.accumulate(pointers(all), 0).loss, without, 1e-6);
  EXPECT_LE(relative(t.gradients(), gradients), 1e-6);
}

TEST(Trainer, Bf16FollowsTheCurveOfFp32) {
  const ModelFolder base = tiny("bert_mean");
  const std::vector<Example> all = reports(40, 6);
  const CompactVocabulary vocabulary = CompactVocabulary::of(all, {}, base.config().vocab_size);
  FineTuneSettings s = settings_with_dropout();
  s.learning_rate = 1e-3;
  std::vector<std::vector<double>> curves;
  for (bool bf16 : {false, true}) {
    Trainer t(base, s, vocabulary, training_shape(all, {}, 8), bf16, 0);
    t.start(1);
    curves.emplace_back();
    for (uint64_t i = 0; i < 60; ++i)
      curves.back().push_back(t.step(pointers(all, (i % 5) * 8, 8), 1, i).loss);
  }
  double gap = 0;
  for (size_t i = 0; i < 60; ++i) gap += std::abs(curves[0][i] - curves[1][i]) / 60;
  EXPECT_LT(curves[0].back(), 0.6 * curves[0].front());
  EXPECT_LT(gap, 0.02);
}

TEST(Trainer, RefusesWhatDoesNotFit) {
  const ModelFolder base = tiny("bert_mean");
  const std::vector<Example> all = reports(6, 4);
  const CompactVocabulary vocabulary = CompactVocabulary::of(all, {}, base.config().vocab_size);
  EXPECT_THROW(Trainer(base, settings_with_dropout(), vocabulary, training_shape(all, {}, 8), false,
                       1 << 16),
               Error);
}

}  // namespace
}  // namespace gantry
