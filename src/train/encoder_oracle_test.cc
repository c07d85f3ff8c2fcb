// Against Hugging Face transformers: logits, loss, every gradient, and the weights after 1 and 10
// AdamW steps, for tiny BERT, RoBERTa and XLM-R models (tests/oracles/encoder.py, float64).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include "weights/model_folder.h"

namespace gantry {
namespace {

// fp32 against float64: what rounding over a few hundred terms leaves.
constexpr double kLogits = 2e-6, kGradient = 1e-5, kWeights = 1e-5;
constexpr int kSteps = 10, kBatch = 4;

struct Oracle {
  std::filesystem::path path;
  ModelFolder folder;
  Safetensors expected;
  nlohmann::json settings;
  std::vector<Example> examples;

  explicit Oracle(const std::string& name)
      : path(std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/encoder" / name),
        folder(ModelFolder::open(path)),
        expected(Safetensors::open(path / "expected.safetensors")),
        settings(nlohmann::json::parse(read_file(path / "case.json"))),
        examples(read_examples(expected)) {}

  static std::vector<Example> read_examples(const Safetensors& from) {
    const auto tokens = from.read_f32("tokens"), lengths = from.read_f32("lengths"),
               windows = from.read_f32("windows"), labels = from.read_f32("labels");
    std::vector<Example> examples;
    size_t token = 0, window = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      Example e{.key = i, .label = static_cast<int>(labels[i])};
      for (int w = 0; w < static_cast<int>(windows[i]); ++w) {
        const auto n = static_cast<size_t>(lengths[window++]);
        e.windows.emplace_back(tokens.begin() + static_cast<std::ptrdiff_t>(token),
                               tokens.begin() + static_cast<std::ptrdiff_t>(token + n));
        token += n;
      }
      examples.push_back(std::move(e));
    }
    return examples;
  }

  FineTuneSettings fine_tune_settings() const {
    FineTuneSettings s;
    s.classes = settings.at("classes");
    s.batch_reports = kBatch;
    s.learning_rate = settings.at("learning_rate");
    s.head_learning_rate = settings.at("head_learning_rate");
    s.schedule = settings.at("schedule");
    s.layer_decay = settings.at("layer_decay");
    s.weight_decay = settings.at("weight_decay");
    s.beta1 = settings.at("beta1");
    s.beta2 = settings.at("beta2");
    s.epsilon = settings.at("epsilon");
    s.clip_norm = settings.at("clip_norm");
    s.class_weights = settings.at("class_weights").get<std::vector<double>>();
    s.label_smoothing = settings.at("label_smoothing");
    s.pooling = settings.at("pooling");
    s.pooler = settings.at("pooler");
    s.window_pooling = settings.at("window_pooling");
    s.freeze_embeddings = settings.at("freeze_embeddings");
    s.dropout = s.attention_dropout = s.head_dropout = 0;
    return s;
  }

  std::vector<const Example*> batch(int step) const {
    std::vector<const Example*> part;
    for (int i = 0; i < kBatch; ++i)
      part.push_back(&examples[static_cast<size_t>(step * kBatch + i) % examples.size()]);
    return part;
  }
};

// "bert.encoder.layer.0..." or "classifier.weight" in the expected file, by canonical name.
std::string stored_under(const Safetensors& file, const std::string& prefix,
                         const std::string& canonical) {
  for (const char* model : {"", "bert.", "roberta."})
    if (file.find(prefix + model + canonical)) return prefix + model + canonical;
  return {};
}

struct Difference {
  double relative = 0, cosine = 1, norm = 0;
};

Difference compare(std::span<const float> got, std::span<const float> want) {
  EXPECT_EQ(got.size(), want.size());
  double dd = 0, gg = 0, ww = 0, gw = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double g = got[i], w = want[i];
    dd += (g - w) * (g - w);
    gg += g * g;
    ww += w * w;
    gw += g * w;
  }
  const double tiny = 1e-30;
  return {std::sqrt(dd / (ww + tiny)), gw / std::sqrt(gg * ww + tiny), std::sqrt(ww)};
}

// A softmax does not change when all keys move alike: the gradient of the key bias is 0 but for
// rounding, and AdamW makes steps of full size of it. It has no bearing on any answer.
bool is_key_bias(const std::string& name) { return name.ends_with("attention.self.key.bias"); }

// Compares the flat array `values` (from offset `from` on) with the tensors under `prefix`.
void compare_all(const Oracle& oracle, const ParameterTable& table,
                 const CompactVocabulary& vocabulary, std::span<const float> values, int64_t from,
                 const std::string& prefix, double tolerance, double untouched) {
  size_t compared = 0;
  for (const Parameter& p : table.all()) {
    if (p.offset < from) continue;
    const std::span<const float> part =
        values.subspan(static_cast<size_t>(p.offset - from), static_cast<size_t>(p.elements()));
    const size_t piece = part.size() / p.pieces.size();
    for (size_t i = 0; i < p.pieces.size(); ++i) {
      const std::string name = stored_under(oracle.expected, prefix, p.pieces[i]);
      ASSERT_FALSE(name.empty()) << prefix << p.pieces[i];
      std::vector<float> want = oracle.expected.read_f32(name);
      std::vector<float> got(part.begin() + static_cast<std::ptrdiff_t>(i * piece),
                             part.begin() + static_cast<std::ptrdiff_t>((i + 1) * piece));
      if (p.offset == table.embedding().word) {  // the whole table, from the compact one
        std::vector<float> whole = oracle.folder.read_f32(p.name);
        for (float& w : whole) w *= static_cast<float>(untouched);
        for (size_t r = 0; r < vocabulary.ids().size(); ++r)
          std::copy_n(got.data() + static_cast<int64_t>(r) * p.cols, p.cols,
                      whole.data() + vocabulary.ids()[r] * p.cols);
        got = std::move(whole);
      }
      ++compared;
      if (is_key_bias(p.pieces[i])) continue;
      const Difference d = compare(got, want);
      EXPECT_LE(d.relative, tolerance) << name << ", norm " << d.norm;
      EXPECT_GE(d.cosine, 1 - tolerance) << name;
    }
  }
  EXPECT_GT(compared, 20u);
}

class EncoderOracle : public testing::TestWithParam<const char*> {
 protected:
  EncoderOracle()
      : oracle(GetParam()),
        settings(oracle.fine_tune_settings()),
        vocabulary(CompactVocabulary::of(oracle.examples, {}, oracle.folder.config().vocab_size)) {}

  std::unique_ptr<Trainer> trainer(bool bf16 = false, int64_t pass_tokens = 4096) {
    TrainingShape shape = training_shape(oracle.examples, {}, kBatch);
    shape.pass_tokens = pass_tokens;
    auto t = std::make_unique<Trainer>(oracle.folder, settings, vocabulary, shape, bf16, 0);
    t->start(1);
    load_classifier_weights(oracle.folder, t->table(), vocabulary.ids(), t->weights().data());
    t->weights_changed(true);
    return t;
  }

  StepOutcome step(Trainer& t, int i) const {
    const std::vector<const Example*> part = oracle.batch(i);
    const int64_t warmup = oracle.settings.at("warmup_steps");
    return t.step(part, rate_factor(settings.schedule, i + 1, warmup, kSteps + 2), 0);
  }

  Oracle oracle;
  FineTuneSettings settings;
  CompactVocabulary vocabulary;
};

TEST_P(EncoderOracle, Logits) {
  auto t = trainer();
  std::vector<float> logits(oracle.examples.size() * static_cast<size_t>(settings.classes));
  t->logits(oracle.examples, logits.data());
  EXPECT_LE(compare(logits, oracle.expected.read_f32("logits")).relative, kLogits);
}

TEST_P(EncoderOracle, LossAndEveryGradient) {
  auto t = trainer();
  const StepOutcome outcome = t->accumulate(oracle.batch(0), 0);
  EXPECT_NEAR(outcome.loss, oracle.expected.read_f32("losses")[0], 2e-6);
  EXPECT_NEAR(outcome.gradient_norm / oracle.expected.read_f32("norms")[0], 1, 2e-6);
  compare_all(oracle, t->table(), vocabulary, t->gradients(), t->trainable_from(), "gradient/",
              kGradient, 0);
}

TEST_P(EncoderOracle, AccumulatedPassesGiveTheSameGradients) {
  auto whole = trainer(), parts = trainer(false, 1);  // one report a pass
  whole->accumulate(oracle.batch(0), 0);
  parts->accumulate(oracle.batch(0), 0);
  const Difference d = compare(parts->gradients(), whole->gradients());
  EXPECT_LE(d.relative, 1e-6);
}

TEST_P(EncoderOracle, WeightsAfterOneAndTenSteps) {
  auto t = trainer();
  const std::vector<float> losses = oracle.expected.read_f32("losses");
  for (int i = 0; i < kSteps; ++i) {
    EXPECT_NEAR(step(*t, i).loss, losses[static_cast<size_t>(i)], 2e-5) << "step " << i;
    if (i > 0 && i + 1 < kSteps) continue;
    compare_all(oracle, t->table(), vocabulary, t->trainable(), t->trainable_from(),
                i == 0 ? "after1/" : "after10/", kWeights, t->untouched_decay());
  }
}

TEST_P(EncoderOracle, Bf16GradientsPointTheSameWay) {
  auto exact = trainer(), rounded = trainer(true);
  const double loss = exact->accumulate(oracle.batch(0), 0).loss;
  EXPECT_NEAR(rounded->accumulate(oracle.batch(0), 0).loss, loss, 0.02 * loss);
  // 8 bits of mantissa through 2 or 3 layers.
  EXPECT_GE(compare(rounded->gradients(), exact->gradients()).cosine, 0.999);
}

INSTANTIATE_TEST_SUITE_P(Models, EncoderOracle,
                         testing::Values("bert_mean", "bert_pooler", "bert_first", "roberta_pooler",
                                         "xlmr_mean"),
                         [](const auto& info) { return std::string(info.param); });

// The default base model, from the shelf: its logits, loss and gradients by transformers in fp32.
TEST(EncoderOracleBase, MultilingualE5Small) {
  const char* shelf = std::getenv("GANTRY_MODELS");
  const char* home = std::getenv("HOME");
  const std::filesystem::path models =
      shelf ? std::filesystem::path(shelf)
            : std::filesystem::path(home ? home : "/") / ".local/share/gantry/models";
  const std::filesystem::path path = models / "multilingual-e5-small";
  if (!std::filesystem::exists(path / "config.json"))
    GTEST_SKIP() << "no multilingual-e5-small on the model shelf (gantry model get)";
  const Safetensors expected = Safetensors::open(std::filesystem::path(GANTRY_SOURCE_DIR) /
                                                 "tests/data/encoder/base.safetensors");
  const ModelFolder folder = ModelFolder::open(path);
  const std::vector<Example> examples = Oracle::read_examples(expected);
  FineTuneSettings settings;
  settings.classes = 3;
  settings.batch_reports = 4;
  settings.dropout = settings.attention_dropout = settings.head_dropout = 0;
  const CompactVocabulary vocabulary =
      CompactVocabulary::of(examples, {}, folder.config().vocab_size);
  Trainer t(folder, settings, vocabulary, training_shape(examples, {}, 4), false, 0);
  t.start(1);
  const std::vector<float> head = expected.read_f32("head");
  std::copy(head.begin(), head.end(), t.weights().data() + t.table().head().classifier);
  t.weights_changed(true);

  std::vector<float> logits(examples.size() * 3);
  t.logits(examples, logits.data());
  EXPECT_LE(compare(logits, expected.read_f32("logits")).relative, 1e-5);
  std::vector<const Example*> batch;
  for (const Example& e : examples) batch.push_back(&e);
  EXPECT_NEAR(t.accumulate(batch, 0).loss, expected.read_f32("losses")[0], 1e-5);
  for (const Parameter& p : t.table().all()) {
    const size_t piece = static_cast<size_t>(p.elements()) / p.pieces.size();
    for (size_t i = 0; i < p.pieces.size(); ++i) {
      const std::string name = stored_under(expected, "norm/", p.pieces[i]).substr(5);
      if (is_key_bias(name)) continue;
      const std::span<const float> got =
          t.gradients().subspan(static_cast<size_t>(p.offset) + i * piece, piece);
      double squares = 0;
      for (float g : got) squares += static_cast<double>(g) * g;
      const double norm = expected.read_f32("norm/" + name)[0];
      EXPECT_NEAR(std::sqrt(squares) / norm, 1, 1e-4) << name;
      const std::vector<float> sample = expected.read_f32("sample/" + name),
                               rows = expected.read_f32("row/" + name),
                               cols = expected.read_f32("col/" + name);
      const double typical = norm / std::sqrt(static_cast<double>(piece));
      for (size_t k = 0; k < sample.size(); ++k) {
        auto row = static_cast<int64_t>(rows[k]);
        if (p.offset == t.table().embedding().word) row = vocabulary.row(static_cast<int32_t>(row));
        const int64_t place = (p.vector ? 0 : row * p.cols) + static_cast<int64_t>(cols[k]);
        EXPECT_NEAR(got[static_cast<size_t>(place)], sample[k],
                    1e-3 * typical + 1e-4 * std::abs(sample[k]))
            << name;
      }
    }
  }
}

}  // namespace
}  // namespace gantry
