// Against Hugging Face transformers and PEFT (tests/oracles/decoder.py): logits, loss, every LoRA
// gradient and ten AdamW steps of tiny models; logits of stories260K; logits and gradients of
// SmolLM2-135M.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "models/decoder.h"
#include "ops/adamw.h"
#include "weights/decoder_folder.h"
#include "weights/safetensors.h"

namespace gantry {
namespace {

// fp32 against float64: what rounding over a few hundred terms leaves.
constexpr double kLogits = 3e-6, kGradient = 1e-5;
// AdamW divides by the gradient's own size, so that where a gradient is nearly 0 its rounding
// shows.
constexpr double kWeights = 5e-5;
constexpr int kSteps = 10;
constexpr size_t kBatch = 3;

double relative(std::span<const float> got, std::span<const float> want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    difference += std::pow(double(got[i]) - want[i], 2);
    norm += std::pow(double(want[i]), 2);
  }
  return std::sqrt(difference / (norm + 1e-30));
}

const DecoderHow kExact{
    .weights = FrozenType::f32, .head_weights = FrozenType::f32, .bf16_activations = false};

// A decoder with its memory.
struct Model {
  DecoderConfig config;
  TensorSpecs specs;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<Arena> arena;
  std::vector<float> adapter, gradients;

  Model(const DecoderFolder& folder, DecoderConfig shape, const DecoderLora& lora,
        const DecoderHow& how, const DecoderCapacity& capacity)
      : config(std::move(shape)) {
    decoder = make_decoder(config, lora, how, capacity, specs);
    arena = std::make_unique<Arena>(specs);
    decoder->bind(*arena);
    decoder->load(folder_weights(folder));
    adapter.resize(static_cast<size_t>(decoder->adapters().size()));
    gradients.resize(adapter.size());
    if (lora.rank > 0) decoder->set_adapter(adapter.data());
  }
};

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(GANTRY_SOURCE_DIR) / "tests/data/decoder" / name;
}

struct Tiny {
  DecoderFolder folder;
  Safetensors expected;
  nlohmann::json settings;
  std::vector<std::vector<int32_t>> texts;
  std::vector<int64_t> prompts;

  explicit Tiny(const std::string& name)
      : folder(DecoderFolder::open(data(name))),
        expected(Safetensors::open(data(name) / "expected.safetensors")),
        settings(nlohmann::json::parse(read_file(data(name) / "case.json"))) {
    folder.check();
    const auto tokens = expected.read_f32("tokens"), lengths = expected.read_f32("lengths");
    size_t at = 0;
    for (float length : lengths) {
      texts.emplace_back(tokens.begin() + static_cast<std::ptrdiff_t>(at),
                         tokens.begin() + static_cast<std::ptrdiff_t>(at + size_t(length)));
      at += static_cast<size_t>(length);
    }
    for (float p : expected.read_f32("prompts")) prompts.push_back(static_cast<int64_t>(p));
  }

  DecoderLora lora() const {
    return {.rank = settings.at("rank"),
            .alpha = settings.at("alpha"),
            .rslora = settings.at("rslora"),
            .targets = settings.at("targets").get<std::vector<std::string>>()};
  }
  DecoderCapacity capacity() const {
    DecoderCapacity c;
    for (const auto& t : texts) {
      c.rows += static_cast<int64_t>(t.size());
      c.positions = std::max(c.positions, static_cast<int64_t>(t.size()));
    }
    c.labels = c.rows;
    c.segments = 3 * static_cast<int64_t>(texts.size());
    return c;
  }
  Model model(const DecoderHow& how) const { return model(how, capacity()); }
  Model model(const DecoderHow& how, const DecoderCapacity& room) const {
    Model m(folder, folder.config(), lora(), how, room);
    read_adapter(m, "start", m.adapter);
    m.decoder->adapter_changed();
    return m;
  }
  // The tensors under `prefix` in the flat array's order.
  void read_adapter(const Model& m, const std::string& prefix, std::vector<float>& to) const {
    to.assign(m.adapter.size(), 0.0f);
    for (const AdapterModule& module : m.decoder->adapters().modules()) {
      const auto a = expected.read_f32(prefix + "." + module.name + ".lora_A");
      const auto b = expected.read_f32(prefix + "." + module.name + ".lora_B");
      std::copy(a.begin(), a.end(), to.begin() + module.a);
      std::copy(b.begin(), b.end(), to.begin() + module.b);
    }
  }
  void compare(const Model& m, const std::string& prefix, std::span<const float> got,
               double tolerance) const {
    for (const AdapterModule& module : m.decoder->adapters().modules()) {
      for (const bool b : {false, true}) {
        const std::string name = module.name + (b ? ".lora_B" : ".lora_A");
        const auto want = expected.read_f32(prefix + "." + name);
        const double d =
            relative(got.subspan(static_cast<size_t>(b ? module.b : module.a), want.size()), want);
        EXPECT_LE(d, tolerance) << prefix << " " << name;
      }
    }
  }
  // `split`: each text as a tree of up to three segments instead of one.
  void add(SegmentedStep& step, size_t text, bool split = false) const {
    const auto& t = texts[text];
    const auto prompt = static_cast<size_t>(prompts[text]);
    if (!split) {
      step.label_from(step.add(t, -1), prompts[text]);
      return;
    }
    const std::span<const int32_t> all(t);
    const int first = step.add(all.first(prompt / 2), -1);
    const int second = step.add(all.subspan(prompt / 2, prompt - prompt / 2), first);
    step.label_from(step.add(all.subspan(prompt), second), 0);
  }
};

class DecoderOracle : public testing::TestWithParam<const char*> {
 protected:
  DecoderOracle() : tiny_(GetParam()) {}
  Tiny tiny_;
};

TEST_P(DecoderOracle, LogitsOfAllLabelRows) {
  const auto want = tiny_.expected.read_f32("logits");
  for (const bool split : {false, true}) {
    Model m = tiny_.model(kExact);
    SegmentedStep step;
    for (size_t i = 0; i < tiny_.texts.size(); ++i) tiny_.add(step, i, split);
    step.finish();
    std::vector<float> got(want.size());
    const auto rows = static_cast<int64_t>(step.labels.size());
    m.decoder->logits(step, {got.data(), rows, m.config.vocabulary});
    EXPECT_LE(relative(got, want), kLogits);
  }
}

TEST_P(DecoderOracle, LossGradientsAndTenSteps) {
  Model m = tiny_.model(kExact);
  const size_t n = m.adapter.size();
  std::vector<float> first(n), second(n);
  AdamW how{.beta1 = tiny_.settings.at("beta1"),
            .beta2 = tiny_.settings.at("beta2"),
            .eps = tiny_.settings.at("epsilon")};
  const double clip = tiny_.settings.at("clip_norm");
  const auto losses = tiny_.settings.at("losses").get<std::vector<double>>();
  const auto norms = tiny_.settings.at("norms").get<std::vector<double>>();
  for (int s = 0; s < kSteps; ++s) {
    SegmentedStep step;
    for (size_t i = 0; i < kBatch; ++i) {
      tiny_.add(step, (static_cast<size_t>(s) * kBatch + i) % tiny_.texts.size(), s % 2 == 1);
    }
    step.finish();
    const double loss = m.decoder->loss_and_gradients(
        step, 1.0 / static_cast<double>(step.labels.size()), m.gradients.data(), false);
    EXPECT_NEAR(loss, losses[static_cast<size_t>(s)], 1e-4 * loss);
    if (s == 0) tiny_.compare(m, "gradient", m.gradients, kGradient);
    const double norm = std::sqrt(sum_of_squares(m.gradients.data(), static_cast<int64_t>(n)));
    EXPECT_NEAR(norm, norms[static_cast<size_t>(s)], 2e-3 * norm);
    how.step = s + 1;
    how.gradient_scale = static_cast<float>(std::min(1.0, clip / (norm + 1e-6)));
    adamw_step(how, tiny_.settings.at("learning_rate"), tiny_.settings.at("weight_decay"),
               static_cast<int64_t>(n), m.adapter.data(), m.gradients.data(), first.data(),
               second.data());
    m.decoder->adapter_changed();
    if (s == 0) tiny_.compare(m, "after_1", m.adapter, kWeights);
  }
  tiny_.compare(m, "after_10", m.adapter, 4 * kWeights);
}

// The same gradients where blocks are computed again, in parts, with bf16 activations (near), with
// each text alone, and with a beginning shared instead of repeated.
TEST_P(DecoderOracle, GradientsDoNotDependOnTheWay) {
  SegmentedStep step;
  for (size_t i = 0; i < kBatch; ++i) tiny_.add(step, i);
  step.finish();
  const double scale = 1.0 / static_cast<double>(step.labels.size());
  DecoderHow again = kExact, narrow = kExact;
  again.recompute = true;
  narrow.bf16_activations = true;
  Model m = tiny_.model(kExact), recomputed = tiny_.model(again), bf16 = tiny_.model(narrow);
  const double loss = m.decoder->loss_and_gradients(step, scale, m.gradients.data(), false);
  EXPECT_EQ(recomputed.decoder->loss_and_gradients(step, scale, recomputed.gradients.data(), false),
            loss);
  EXPECT_EQ(recomputed.gradients, m.gradients);
  EXPECT_NEAR(bf16.decoder->loss_and_gradients(step, scale, bf16.gradients.data(), false), loss,
              0.02 * loss);
  EXPECT_LE(relative(bf16.gradients, m.gradients), 0.15);  // of untrained, wild weights
  EXPECT_NEAR(scale * m.decoder->loss(step), loss, 1e-6 * loss);

  std::vector<float> sum(m.gradients.size());
  double total = 0;
  for (size_t i = 0; i < kBatch; ++i) {
    SegmentedStep alone;
    tiny_.add(alone, i, true);
    alone.finish();
    total += m.decoder->loss_and_gradients(alone, scale, sum.data(), i > 0);
  }
  EXPECT_NEAR(total, loss, 1e-6 * loss);
  EXPECT_LE(relative(sum, m.gradients), 5e-6);
}

TEST_P(DecoderOracle, SharedBeginningIsAsRepeated) {
  const auto& beginning = tiny_.texts[1];
  SegmentedStep shared, repeated;
  const int parent = shared.add(beginning, -1);
  for (size_t i : {0, 3, 0}) {
    const auto& t = tiny_.texts[i];
    shared.label_from(shared.add(t, parent), 0);
    std::vector<int32_t> whole = beginning;
    whole.insert(whole.end(), t.begin(), t.end());
    repeated.label_from(repeated.add(whole, -1), static_cast<int64_t>(beginning.size()));
  }
  shared.finish();
  repeated.finish();
  DecoderCapacity capacity = tiny_.capacity();
  capacity.positions = repeated.longest();
  capacity.rows = repeated.rows();
  Model m = tiny_.model(kExact, capacity);
  std::vector<float> other(m.gradients.size());
  const double a = m.decoder->loss_and_gradients(shared, 0.1, m.gradients.data(), false);
  const double b = m.decoder->loss_and_gradients(repeated, 0.1, other.data(), false);
  EXPECT_NEAR(a, b, 1e-6 * b);
  EXPECT_LE(relative(m.gradients, other), 5e-6);
}

INSTANTIATE_TEST_SUITE_P(Tiny, DecoderOracle,
                         testing::Values("llama", "llama_gqa_tied", "llama3", "llama_dynamic",
                                         "mistral_window", "mistral_heads"),
                         [](const auto& info) { return std::string(info.param); });

// What a text's rows compute is bit for bit the same whatever else lies in the step.
TEST(Decoder, AnswersDoNotDependOnStepMates) {
  const Tiny tiny("llama");
  for (const FrozenType type : {FrozenType::bf16, FrozenType::int8, FrozenType::nf4}) {
    Model m = tiny.model({.weights = type, .head_weights = FrozenType::bf16});
    SegmentedStep alone, together;
    tiny.add(alone, 5);
    for (size_t i = 0; i < tiny.texts.size(); ++i) tiny.add(together, i);
    const size_t labels = alone.labels.size();
    std::vector<float> one(labels), all(together.labels.size());
    m.decoder->label_log_probabilities(alone, one);
    m.decoder->label_log_probabilities(together, all);
    size_t before = 0;
    for (size_t i = 0; i < 5; ++i) before += tiny.texts[i].size() - size_t(tiny.prompts[i]);
    for (size_t i = 0; i < labels; ++i) EXPECT_EQ(one[i], all[before + i]);
  }
}

TEST(Decoder, LoraDropoutIsByRowAndItsGradientIsThatOfTheMask) {
  const Tiny tiny("llama_gqa_tied");
  DecoderLora lora = tiny.lora();
  lora.dropout = 0.3f;
  Model m(tiny.folder, tiny.folder.config(), lora, kExact, tiny.capacity());
  tiny.read_adapter(m, "start", m.adapter);
  m.decoder->adapter_changed();
  SegmentedStep step;
  step.label_from(step.add(tiny.texts[1], -1, 77), tiny.prompts[1]);
  step.label_from(step.add(tiny.texts[2], -1, 78), tiny.prompts[2]);
  step.finish();
  const auto loss = [&] {
    std::vector<float> ignored(m.adapter.size());
    return m.decoder->loss_and_gradients(step, 1.0, ignored.data(), false);
  };
  const double with = m.decoder->loss_and_gradients(step, 1.0, m.gradients.data(), false);
  EXPECT_GT(std::abs(with - m.decoder->loss(step)), 1e-3);
  EXPECT_EQ(with, loss());
  // Along the gradient the loss changes by its squared norm times the length of the way.
  const double squares = sum_of_squares(m.gradients.data(), static_cast<int64_t>(m.adapter.size()));
  const double way = 2e-4 / std::sqrt(squares);
  std::vector<double> at;
  for (const double side : {-1.0, 2.0}) {
    for (size_t i = 0; i < m.adapter.size(); ++i) {
      m.adapter[i] += static_cast<float>(side * way * m.gradients[i]);
    }
    m.decoder->adapter_changed();
    at.push_back(loss());
  }
  EXPECT_NEAR((at[1] - at[0]) / (2 * way * squares), 1.0, 5e-3);
}

TEST(Decoder, AdapterStartsAsTheBaseModel) {
  const Tiny tiny("llama");
  Model m = tiny.model(kExact);
  SegmentedStep step;
  tiny.add(step, 1);
  init_adapter(m.decoder->adapters(), 3, m.adapter.data());
  m.decoder->adapter_changed();
  const double start = m.decoder->loss(step);
  m.decoder->set_adapter(nullptr);
  EXPECT_EQ(m.decoder->loss(step), start);
}

TEST(Decoder, RefusesWhatDoesNotFit) {
  const Tiny tiny("llama");
  DecoderLora lora = tiny.lora();
  EXPECT_NO_THROW(require_decoder_memory(tiny.folder.config(), lora, {}, tiny.capacity(), 0));
  DecoderConfig large = tiny.folder.config();
  large.hidden = 4096;
  large.heads = large.kv_heads = 32;
  large.head_size = 128;
  large.layers = 32;
  large.mlp = 11008;
  large.vocabulary = 32000;
  const DecoderCapacity capacity{.rows = 1024, .segments = 8, .labels = 256, .positions = 1024};
  try {
    require_decoder_memory(large, lora, {}, capacity, int64_t{5} << 30);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0601");
    EXPECT_NE(e.message().find("frozen weights"), std::string::npos);
    EXPECT_NE(e.remedy().find("nf4"), std::string::npos) << e.remedy();
  }
  const double nf4 = static_cast<double>(
      frozen_bytes(large, {.weights = FrozenType::nf4, .head_weights = FrozenType::bf16}));
  EXPECT_NEAR(nf4 / (1 << 30), 6.476e9 * 4.13 / 8 / (1 << 30) + 2 * 32000 * 8192.0 / (1 << 30),
              0.05);
  lora.rank = 0;
  EXPECT_THROW(check_decoder_lora(lora, large), Error);
  lora.rank = 4;
  lora.targets = {"q_porj"};
  try {
    check_decoder_lora(lora, large);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "E0621");
    EXPECT_NE(e.message().find("q_proj"), std::string::npos);
  }
}

// ---- real models ----

void compare_stories(const char* file, int64_t window) {
  const std::filesystem::path path =
      std::filesystem::path(GANTRY_SHARED_DIR) / "reference/weights/stories260K";
  if (!std::filesystem::exists(path / file)) GTEST_SKIP() << "no stories260K";
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("stories" + std::to_string(window));
  std::filesystem::create_directories(folder);
  const auto copy = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(path / "hf/config.llama.json", folder / "config.json", copy);
  std::filesystem::copy_file(path / "hf/model.safetensors", folder / "model.safetensors", copy);
  const DecoderFolder base = DecoderFolder::open(folder);
  base.check();
  const auto cases = nlohmann::json::parse(read_file(path / file)).at("cases");
  size_t compared = 0;
  for (const auto& c : cases) {
    DecoderConfig config = base.config();
    if (window > 0 && c.at("window").get<int64_t>() != window) continue;
    config.window = window;
    const auto ids = c.at("ids").get<std::vector<int32_t>>();
    const auto n = static_cast<int64_t>(ids.size());
    Model m(base, config, {},
            {.weights = FrozenType::f32,
             .head_weights = FrozenType::f32,
             .bf16_activations = false,
             .training = false},
            {.rows = n, .segments = 1, .labels = n, .positions = n});
    SegmentedStep step;
    step.add(ids, -1);
    step.labels = {{static_cast<int32_t>(n - 1), 0, 1}};
    std::vector<float> got(static_cast<size_t>(config.vocabulary));
    m.decoder->logits(step, {got.data(), 1, config.vocabulary});
    const auto want = c.at("last_logits").get<std::vector<float>>();
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4);
    ++compared;
  }
  EXPECT_GT(compared, 1u);
  std::filesystem::remove_all(folder);
}
TEST(Stories260K, Logits) { compare_stories("reference_logits.json", 0); }
TEST(Stories260K, LogitsInAWindowOf4) {
  compare_stories("reference_logits_sliding_window.json", 4);
}
TEST(Stories260K, LogitsInAWindowOf8) {
  compare_stories("reference_logits_sliding_window.json", 8);
}

std::filesystem::path shelf(const std::string& name) {
  const char* given = std::getenv("GANTRY_MODELS");
  const char* home = std::getenv("HOME");
  return std::filesystem::path(
             given ? given : std::string(home ? home : "") + "/.local/share/gantry/models") /
         name;
}

// Ten steps of AdamW, each on the text after the one before, from the adapters that `m` has.
void compare_ten_steps(Model& m, std::vector<int32_t> tokens, const Safetensors& expected) {
  const std::vector<float> start = m.adapter;
  const auto losses = expected.read_f32("losses"), norms = expected.read_f32("gradient_norms");
  const auto n = static_cast<int64_t>(m.adapter.size());
  std::vector<float> first(m.adapter.size()), second(m.adapter.size());
  for (int s = 0; s < kSteps; ++s) {
    SegmentedStep step;
    const int prompt = step.add(std::span(tokens).first(30), -1);
    step.label_from(step.add(std::span(tokens).subspan(30), prompt), 0);
    step.finish();
    const double loss = m.decoder->loss_and_gradients(step, 1.0, m.gradients.data(), false);
    EXPECT_NEAR(loss, losses[static_cast<size_t>(s)], 2e-4 * loss) << s;
    const double norm = std::sqrt(sum_of_squares(m.gradients.data(), n));
    EXPECT_NEAR(norm, norms[static_cast<size_t>(s)], 2e-3 * norm) << s;
    adamw_step({.beta1 = 0.9, .beta2 = 0.98, .eps = 1e-8, .step = s + 1}, 1e-3f, 0.01f, n,
               m.adapter.data(), m.gradients.data(), first.data(), second.data());
    m.decoder->adapter_changed();
    for (int32_t& token : tokens) token = (token + 101) % 49152;
  }
  for (const AdapterModule& module : m.decoder->adapters().modules()) {
    for (const bool b : {false, true}) {
      const std::string name = module.name + (b ? ".lora_B" : ".lora_A");
      if (!expected.find("after_10." + name)) continue;
      const auto offset = static_cast<size_t>(b ? module.b : module.a);
      const auto want = expected.read_f32("after_10." + name);
      const std::span<const float> got = std::span(m.adapter).subspan(offset, want.size());
      EXPECT_LE(relative(got, want), 1e-3) << name;
      EXPECT_GE(relative(std::span(start).subspan(offset, want.size()), want), 0.05) << name;
    }
  }
}

TEST(SmolLm2, LogitsGradientsAndTenSteps) {
  const auto path = shelf("smollm2-135m-instruct");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "smollm2-135m-instruct is not on the shelf";
  const DecoderFolder base = DecoderFolder::open(path);
  base.check();
  const Safetensors expected = Safetensors::open(data("base.safetensors"));
  const auto ids = expected.read_f32("tokens");
  const auto targets = decoder_lora_targets();
  const DecoderLora lora{.rank = 2, .alpha = 2, .targets = {targets.begin(), targets.end()}};
  Model m(base, base.config(), lora, kExact,
          {.rows = 40, .segments = 2, .labels = 40, .positions = 40});
  for (const AdapterModule& module : m.decoder->adapters().modules()) {
    for (int b = 0; b < 2; ++b) {
      const int64_t n = module.rank * (b ? module.out : module.in);
      for (int64_t i = 0; i < n; ++i) {
        m.adapter[static_cast<size_t>((b ? module.b : module.a) + i)] = static_cast<float>(
            0.03 * std::sin(0.7 * double(i) + module.layer + 0.1 * (module.target * 2 + b)));
      }
    }
  }
  m.decoder->adapter_changed();
  SegmentedStep step;
  const std::vector<int32_t> tokens(ids.begin(), ids.end());
  const int prompt = step.add(std::span(tokens).first(30), -1);
  step.label_from(step.add(std::span(tokens).subspan(30), prompt), 0);
  step.finish();
  std::vector<float> logits(10 * static_cast<size_t>(m.config.vocabulary)), some;
  m.decoder->logits(step, {logits.data(), 10, m.config.vocabulary});
  for (size_t i = 0; i < logits.size(); i += 64) some.push_back(logits[i]);
  EXPECT_LE(relative(some, expected.read_f32("logits")), 1e-4);
  const double loss = m.decoder->loss_and_gradients(step, 1.0, m.gradients.data(), false);
  EXPECT_NEAR(loss, expected.read_f32("loss")[0], 1e-4 * loss);
  for (const AdapterModule& module : m.decoder->adapters().modules()) {
    for (const bool b : {false, true}) {
      const std::string name = module.name + (b ? ".lora_B" : ".lora_A");
      const auto offset = static_cast<size_t>(b ? module.b : module.a);
      const auto size = static_cast<size_t>(module.rank * (b ? module.out : module.in));
      const std::span<const float> got = std::span(m.gradients).subspan(offset, size);
      const double norm = std::sqrt(sum_of_squares(got.data(), static_cast<int64_t>(size)));
      EXPECT_NEAR(norm, expected.read_f32("norm." + name)[0], 1e-3 * norm) << name;
      if (!expected.find("gradient." + name)) continue;
      EXPECT_LE(relative(got.first(256), expected.read_f32("gradient." + name)), 1e-3) << name;
    }
  }
  compare_ten_steps(m, tokens, expected);
}

}  // namespace
}  // namespace gantry
