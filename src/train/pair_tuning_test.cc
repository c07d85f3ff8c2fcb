// LoRA on pairs: ten AdamW steps against transformers and PEFT (tests/oracles/pair_steps.py), and
// what must always hold: passes, packing and recomputation do not change a step, an interrupted
// restart goes on to the same bits.
#include "train/pair_tuning.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "train/pair_trainer.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_folder.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kData = fs::path(GANTRY_SOURCE_DIR) / "tests/data/pair-steps";

struct Expected {
  json steps;
  std::vector<Pair> pairs;
  PairTuneSettings settings;
};

Expected expected_of(const std::string& name) {
  Expected e{json::parse(read_file(kData / name / "steps.json")), {}, {}};
  for (const json& p : e.steps["pairs"]) {
    Pair pair{.answer = p["answer"], .key = p["key"]};
    pair.prompt.ids = p["prompt"].get<std::vector<int32_t>>();
    pair.id = "pair " + std::to_string(e.pairs.size() + 1);
    e.pairs.push_back(std::move(pair));
  }
  const json& lora = e.steps["lora"];
  e.settings = {.learning_rate = e.steps["rate"],
                .weight_decay = e.steps["decay"],
                .beta2 = e.steps["beta2"],
                .epsilon = e.steps["eps"],
                .clip_norm = e.steps["clip"],
                .rank = lora["r"],
                .alpha = lora["lora_alpha"],
                .dropout = 0,
                .rslora = lora.value("use_rslora", false),
                .targets = lora["target_modules"],
                .base_weights = "fp32"};
  return e;
}

PairTrainer trainer_of(const std::string& name, const Expected& e,
                       const PairTuneSettings& settings) {
  const DecoderFolder base = DecoderFolder::open(kData / name);
  const PairPlan plan(e.pairs);
  return {base,
          settings,
          pair_capacity(plan, plan, e.pairs, e.pairs, settings, base.config().context),
          0,
          {}};
}

void load_adapter(PairTrainer& trainer, const fs::path& folder) {
  const DecoderAdapter adapter = read_decoder_adapter(folder);
  for (const AdapterModule& m : trainer.table().modules())
    for (const LoraModule& given : adapter.lora.modules) {
      if (given.module != m.name) continue;
      std::copy(given.a.begin(), given.a.end(), trainer.adapter().begin() + m.a);
      std::copy(given.b.begin(), given.b.end(), trainer.adapter().begin() + m.b);
    }
  trainer.adapter_changed();
}

double distance(std::span<const float> a, const std::vector<float>& b, double scale = 1) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double want = scale * static_cast<double>(b[i]);
    difference += (static_cast<double>(a[i]) - want) * (static_cast<double>(a[i]) - want);
    norm += want * want;
  }
  return std::sqrt(difference / norm);
}

void expect_modules(const PairTrainer& trainer, std::span<const float> flat, const json& want,
                    double scale, double tolerance, const char* what) {
  size_t compared = 0;
  for (const AdapterModule& m : trainer.table().modules()) {
    ASSERT_TRUE(want.contains(m.name)) << m.name;
    for (const auto& [which, offset] : {std::pair{"a", m.a}, std::pair{"b", m.b}}) {
      const auto values = want[m.name][which].get<std::vector<float>>();
      EXPECT_LT(distance(flat.subspan(static_cast<size_t>(offset)), values, scale), tolerance)
          << what << " " << m.name << " " << which;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 2 * want.size());
}

// The pairs are asked for by their places; in the plan units are cases of two pairs.
std::vector<size_t> units_of(size_t first_pair, size_t pairs, size_t all) {
  std::vector<size_t> units;
  for (size_t i = 0; i < pairs; i += 2) units.push_back(((first_pair + i) % all) / 2);
  return units;
}

class PairSteps : public testing::TestWithParam<const char*> {};

TEST_P(PairSteps, EqualTransformersAndPeft) {
  const Expected e = expected_of(GetParam());
  PairTrainer trainer = trainer_of(GetParam(), e, e.settings);
  load_adapter(trainer, kData / GetParam() / "start");
  const PairPlan plan(e.pairs);
  const auto batch = e.steps["batch"].get<size_t>();
  const json& steps = e.steps["steps"];
  ASSERT_EQ(steps.size(), 10u);
  for (size_t s = 0; s < steps.size(); ++s) {
    const std::vector<size_t> units = units_of(s * batch, batch, e.pairs.size());
    if (s == 0) {
      trainer.accumulate(plan, units, 0);
      expect_modules(trainer, trainer.gradients(), e.steps["first_gradients"],
                     1 / e.steps["first_scale"].get<double>(), 2e-5, "gradient");
    }
    const PairOutcome outcome = trainer.step(plan, units, steps[s]["factor"], 0);
    EXPECT_NEAR(outcome.loss, steps[s]["loss"], 2e-5) << s;
    EXPECT_NEAR(outcome.gradient_norm / steps[s]["gradient_norm"].get<double>(), 1, 2e-4) << s;
  }
  // AdamW divides by the gradient's size: where that is nothing but rounding, so is the step.
  expect_modules(trainer, trainer.adapter(), e.steps["adapter"], 1, 1e-4, "after ten steps");
  const std::vector<double> scores = trainer.score(e.pairs);
  for (size_t i = 0; i < scores.size(); ++i)
    EXPECT_NEAR(scores[i], e.steps["scores"][i].get<double>(), 5e-4) << i;
}

INSTANTIATE_TEST_SUITE_P(Models, PairSteps,
                         testing::Values("llama-tied-grouped", "llama-rslora", "mistral-window"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

struct Outcome {
  PairOutcome step;
  std::vector<float> gradients;
};

Outcome accumulated(const std::string& name, const Expected& e, const PairTuneSettings& settings,
                    uint64_t key = 9) {
  PairTrainer trainer = trainer_of(name, e, settings);
  load_adapter(trainer, kData / name / "start");
  const PairPlan plan(e.pairs);
  const Outcome out{trainer.accumulate(plan, units_of(0, e.pairs.size(), e.pairs.size()), key), {}};
  return {out.step, {trainer.gradients().begin(), trainer.gradients().end()}};
}

// With an answer's tokens weighing 1 / their number, the step's gradient is the mean of the
// gradients that each answer alone has.
TEST(PairStep, AnswersThatWeighAlikeGiveTheMeanOfTheirGradients) {
  Expected e = expected_of("llama-tied-grouped");
  e.settings.dropout = 0;
  e.pairs.resize(4);
  std::vector<float> mean;
  double loss = 0;
  for (const Pair& pair : e.pairs) {
    Expected alone = e;
    alone.pairs = {pair};
    const Outcome one = accumulated("llama-tied-grouped", alone, e.settings);
    mean.resize(one.gradients.size(), 0);
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += one.gradients[i] / 4;
    loss += one.step.loss / 4;
  }
  for (Pair& pair : e.pairs) pair.token_weight = 1 / static_cast<float>(pair.answer.size());
  const Outcome all = accumulated("llama-tied-grouped", e, e.settings);
  EXPECT_LT(distance(all.gradients, mean), 1e-5);
  EXPECT_NEAR(all.step.loss, loss, 1e-5);
  EXPECT_NEAR(all.step.weight, 4, 1e-5);
  EXPECT_NE(e.pairs[0].answer.size(), e.pairs[1].answer.size());  // else it shows nothing
}

TEST(PairStep, OnePassOrManyGiveTheSameGradient) {
  for (const char* name : {"llama-tied-grouped", "mistral-window"}) {
    const Expected e = expected_of(name);
    PairTuneSettings one = e.settings, many = e.settings;
    one.batch_pairs = many.batch_pairs = static_cast<int>(e.pairs.size());
    many.pass_tokens = 1;  // every case a pass of its own
    const Outcome a = accumulated(name, e, one), b = accumulated(name, e, many);
    EXPECT_LT(a.step.computed, b.step.computed);
    EXPECT_EQ(a.step.tokens, b.step.tokens);
    EXPECT_EQ(a.step.labels, b.step.labels);
    EXPECT_NEAR(a.step.loss, b.step.loss, 1e-6);
    EXPECT_LT(distance(a.gradients, b.gradients), 1e-5);
  }
}

TEST(PairStep, RecomputationChangesNothing) {
  const Expected e = expected_of("llama-tied-grouped");
  PairTuneSettings on = e.settings;
  on.recompute = true;
  on.dropout = 0.2;
  PairTuneSettings off = on;
  off.recompute = false;
  const Outcome a = accumulated("llama-tied-grouped", e, on);
  const Outcome b = accumulated("llama-tied-grouped", e, off);
  EXPECT_EQ(a.step.loss, b.step.loss);
  EXPECT_EQ(a.gradients, b.gradients);
}

TEST(PairStep, DropoutFollowsItsKey) {
  const Expected e = expected_of("llama-tied-grouped");
  PairTuneSettings settings = e.settings;
  settings.dropout = 0.2;
  const Outcome a = accumulated("llama-tied-grouped", e, settings, 1);
  const Outcome b = accumulated("llama-tied-grouped", e, settings, 1);
  const Outcome c = accumulated("llama-tied-grouped", e, settings, 2);
  EXPECT_EQ(a.gradients, b.gradients);
  EXPECT_NE(a.step.loss, c.step.loss);
}

TEST(PairStep, ScoresDoNotDependOnNeighbours) {
  const Expected e = expected_of("mistral-window");
  PairTrainer trainer = trainer_of("mistral-window", e, e.settings);
  load_adapter(trainer, kData / "mistral-window" / "start");
  const std::vector<double> together = trainer.score(e.pairs);
  for (size_t i = 0; i < e.pairs.size(); ++i)
    EXPECT_EQ(trainer.score(std::span(&e.pairs[i], 1))[0], together[i]) << i;
}

class Work {
 public:
  Work() : path_(fs::path(testing::TempDir()) / ("pair-tuning-" + std::to_string(getpid()))) {
    fs::remove_all(path_);
  }
  ~Work() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

PairTuneSettings run_settings(const Expected& e) {
  PairTuneSettings settings = e.settings;
  settings.epochs = 3;
  settings.batch_pairs = 4;
  settings.dropout = 0.1;
  settings.learning_rate = 5e-3;
  return settings;
}

std::map<std::string, std::vector<float>> flat(const PeftAdapter& adapter) {
  std::map<std::string, std::vector<float>> out;
  for (const LoraModule& m : adapter.modules) {
    out[m.module + " a"] = m.a;
    out[m.module + " b"] = m.b;
  }
  return out;
}

TEST(PairTuner, AnInterruptedRestartGoesOnToTheSameBits) {
  const Expected e = expected_of("llama-tied-grouped");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-tied-grouped");
  const Work work;
  PairTuner whole(base, run_settings(e), e.pairs, e.pairs, work / "whole");
  const PairTuneResult want = whole.run(0);
  ASSERT_EQ(want.epochs.size(), 3u);
  EXPECT_LT(want.epochs.back().tuning_loss, want.epochs.front().tuning_loss);

  // Stopped by Ctrl-C in the middle of the second epoch.
  int told = 0;
  const ProgressSink stop = [&](const Progress& progress) {
    if (progress.unit == "steps" && ++told == 5) interrupted() = true;
  };
  {
    PairTuner tuner(base, run_settings(e), e.pairs, e.pairs, work / "parts", stop);
    try {
      tuner.run(0);
      FAIL() << "was not interrupted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "E0104");
    }
    interrupted() = false;
  }
  // Killed in the third: what was done since the last checkpoint is lost, and done again.
  {
    PairTuner tuner(base, run_settings(e), e.pairs, e.pairs, work / "parts", {},
                    [](const TunedView& view) -> double {
                      if (view.epoch() == 2) throw std::runtime_error("killed");
                      return -view.tuning_loss();
                    });
    EXPECT_THROW(tuner.run(0), std::runtime_error);
  }
  PairTuner tuner(base, run_settings(e), e.pairs, e.pairs, work / "parts");
  const PairTuneResult got = tuner.run(0);
  EXPECT_EQ(flat(tuner.adapter(0)), flat(whole.adapter(0)));
  ASSERT_EQ(got.steps.size(), want.steps.size());
  for (size_t i = 0; i < want.steps.size(); ++i) EXPECT_EQ(got.steps[i].loss, want.steps[i].loss);
  for (size_t i = 0; i < want.epochs.size(); ++i)
    EXPECT_EQ(got.epochs[i].tuning_loss, want.epochs[i].tuning_loss);
  EXPECT_EQ(got.best_epoch, want.best_epoch);
  // Finished: read back, not run again.
  EXPECT_EQ(tuner.run(0).steps.size(), want.steps.size());
  // Another restart is another start.
  tuner.run(1);
  EXPECT_NE(flat(tuner.adapter(1)), flat(tuner.adapter(0)));
}

TEST(PairTuner, RefusesACheckpointOfOtherSettings) {
  const Expected e = expected_of("llama-tied-grouped");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-tied-grouped");
  const Work work;
  PairTuneSettings settings = run_settings(e);
  settings.epochs = 1;
  PairTuner(base, settings, e.pairs, {}, work / "w").run(0);
  settings.learning_rate = 1e-3;
  PairTuner other(base, settings, e.pairs, {}, work / "w");
  try {
    other.run(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0616");
  }
}

TEST(PairTuner, TheCallersMetricChoosesTheEpoch) {
  const Expected e = expected_of("llama-tied-grouped");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-tied-grouped");
  const Work work;
  const PairTuneSettings settings = run_settings(e);
  std::vector<double> seen;
  PairTuner tuner(base, settings, e.pairs, e.pairs, work / "w", {}, [&](const TunedView& view) {
    // Other answers to the first prompt: a closed set.
    std::vector<Pair> answers(3, e.pairs[0]);
    answers[1].answer = {5, 2};
    answers[2].answer = {6, 7, 2};
    const std::vector<double> scores = view.score(answers);
    seen.push_back(scores[0]);
    return view.epoch() == 1 ? 1.0 : 0.0;
  });
  const PairTuneResult result = tuner.run(0);
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_EQ(result.best_metric, 1.0);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(tuner.score(0, std::span(&e.pairs[0], 1))[0], seen[1]);
  EXPECT_NE(tuner.score(-1, std::span(&e.pairs[0], 1))[0], seen[1]);
}

// For `./run check-slow adapters`: PEFT must give the same.
void keep_for_peft(const std::string& name, const PairTuner& tuner, std::span<const Pair> pairs,
                   std::span<const double> scores) {
  const char* place = std::getenv("GANTRY_KEEP_ADAPTERS");
  if (!place) return;
  const fs::path folder = fs::path(place) / name;
  fs::create_directories(folder);
  tuner.write_adapter(0, folder / "adapter");
  json out = {{"base", (kData / name).string()}, {"pairs", json::array()}};
  for (size_t i = 0; i < pairs.size(); ++i)
    out["pairs"].push_back(
        {{"prompt", pairs[i].prompt.ids}, {"answer", pairs[i].answer}, {"score", scores[i]}});
  write_file_atomically(folder / "scores.json", out.dump());
}

class TunedAdapter : public testing::TestWithParam<const char*> {};

TEST_P(TunedAdapter, TheAdapterComesBack) {
  const Expected e = expected_of(GetParam());
  const DecoderFolder base = DecoderFolder::open(kData / GetParam());
  const Work work;
  PairTuneSettings settings = run_settings(e);
  PairTuner tuner(base, settings, e.pairs, {}, work / "w");
  tuner.run(0);
  const std::vector<double> scores = tuner.score(0, e.pairs);
  tuner.write_adapter(0, work / "adapter");
  PairTrainer trainer = trainer_of(GetParam(), e, settings);
  load_adapter(trainer, work / "adapter");
  EXPECT_EQ(trainer.score(e.pairs), scores);
  keep_for_peft(GetParam(), tuner, e.pairs, scores);
}

INSTANTIATE_TEST_SUITE_P(Models, TunedAdapter,
                         testing::Values("llama-tied-grouped", "llama-rslora", "mistral-window"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(PairTuner, TheAdapterKnowsItsBase) {
  const Expected e = expected_of("llama-rslora");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-rslora");
  const Work work;
  PairTuneSettings settings = run_settings(e);
  settings.epochs = 1;
  PairTuner tuner(base, settings, e.pairs, e.pairs, work / "w");
  tuner.run(0);
  tuner.write_adapter(0, work / "adapter", {.chat_template = "plain"});
  const DecoderAdapter adapter = read_decoder_adapter(work / "adapter");
  EXPECT_EQ(flat(adapter.lora), flat(tuner.adapter(0)));
  EXPECT_TRUE(adapter.lora.rslora);
  EXPECT_EQ(adapter.about.chat_template, "plain");
  EXPECT_EQ(adapter.about.base_hash, base.weights_hash());
  EXPECT_NO_THROW(check_decoder_adapter(adapter, base, "adapter"));
  const auto code_of = [&](const char* name) -> std::string {
    try {
      check_decoder_adapter(adapter, DecoderFolder::open(kData / name), "adapter");
    } catch (const Error& error) {
      return error.code();
    }
    return "";
  };
  EXPECT_EQ(code_of("mistral-window"), "E0433");
  EXPECT_EQ(code_of("llama-tied-grouped"), "E0433");
  DecoderAdapter other = adapter;
  other.about.base_hash = std::string(64, '0');
  EXPECT_THROW(check_decoder_adapter(other, base, "adapter"), Error);
}

TEST(PairTuner, RefusesWhatCannotBeLearned) {
  const Expected e = expected_of("llama-tied-grouped");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-tied-grouped");
  const Work work;
  const auto code_of = [&](std::vector<Pair> pairs, PairTuneSettings settings) -> std::string {
    try {
      PairTuner(base, std::move(settings), std::move(pairs), {}, work / "w");
    } catch (const Error& error) {
      return error.code() +
             (std::string(error.what()).find("pair 2") != std::string::npos ? "!" : "");
    }
    return "";
  };
  const PairTuneSettings settings = run_settings(e);
  EXPECT_EQ(code_of({}, settings), "E0613");
  std::vector<Pair> pairs = e.pairs;
  pairs[1].answer.clear();
  EXPECT_EQ(code_of(pairs, settings), "E0612!");
  pairs[1] = e.pairs[1];
  pairs[1].prompt.ids[3] = 96;
  EXPECT_EQ(code_of(pairs, settings), "E0612!");
  pairs[1] = e.pairs[1];
  pairs[1].prompt.ids.resize(70, 5);
  EXPECT_EQ(code_of(pairs, settings), "E0347!");
  PairTuneSettings shorten = settings;
  shorten.too_long = "shorten";
  EXPECT_EQ(code_of(pairs, shorten), "E0347!");  // no part of it may be cut
  pairs[1].prompt.text_begin = 10;
  pairs[1].prompt.text_end = 60;
  EXPECT_EQ(code_of(pairs, shorten), "");
  PairTuner tuner(base, shorten, pairs, {}, work / "x");
  ASSERT_EQ(tuner.shortened().size(), 1u);
  EXPECT_EQ(tuner.shortened()[0].id, "pair 2");
  EXPECT_GT(tuner.shortened()[0].taken_out, 5);
  PairTuneSettings wrong = settings;
  wrong.rank = 0;
  EXPECT_EQ(code_of(e.pairs, wrong), "E0611");
  wrong = settings;
  wrong.targets = {"query"};
  EXPECT_EQ(code_of(e.pairs, wrong), "E0611");
}

TEST(PairTuner, ShowsWhichTokensCarryTheLoss) {
  const Expected e = expected_of("llama-tied-grouped");
  const DecoderFolder base = DecoderFolder::open(kData / "llama-tied-grouped");
  const Work work;
  PairTuner tuner(base, run_settings(e), e.pairs, {}, work / "w", {}, {},
                  [](int32_t id) { return "<" + std::to_string(id) + ">\n"; });
  const std::string told = tuner.masked_sample();
  const auto marked = std::count(told.begin(), told.end(), '*') - 1;  // one in the heading
  EXPECT_EQ(marked, static_cast<long>(e.pairs[0].answer.size()));
  EXPECT_NE(told.find("<" + std::to_string(e.pairs[0].answer[0]) + ">\\n"), std::string::npos);
}

}  // namespace
}  // namespace gantry
