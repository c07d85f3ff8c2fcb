#include "train/fine_tune.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "train/checkpoint.h"
#include "train/order.h"
#include "weights/model_folder.h"
#include "weights/peft.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

fs::path tiny(const std::string& name) {
  return fs::path(GANTRY_SOURCE_DIR) / "tests/data/encoder" / name;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "fine-tune-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// Reports of a tiny vocabulary whose class can be read off their tokens.
std::vector<Example> reports(int n, uint64_t seed, int classes = 3) {
  Random random(seed);
  std::vector<Example> out;
  for (int i = 0; i < n; ++i) {
    Example e{.key = mix64(seed, static_cast<uint64_t>(i)), .label = i % classes};
    const int windows = i % 5 == 0 ? 2 : 1;
    for (int w = 0; w < windows; ++w) {
      std::vector<int32_t> ids = {4};
      const auto length = 3 + static_cast<int>(random.below(20));
      for (int t = 0; t < length; ++t)
        ids.push_back(random.uniform() < 0.4 ? 40 + e.label
                                             : 5 + static_cast<int32_t>(random.below(30)));
      e.windows.push_back(ids);
    }
    out.push_back(e);
  }
  return out;
}

FineTuneSettings tiny_settings() {
  FineTuneSettings s;
  s.classes = 3;
  s.epochs = 3;
  s.batch_reports = 5;
  s.learning_rate = 3e-3;
  s.precision = "fp32";
  return s;
}

struct Case {
  const char* name;
  const char* model;
  void (*change)(FineTuneSettings&);
};

const Case kCases[] = {
    {"Plain", "bert_mean", [](FineTuneSettings&) {}},
    {"Bf16", "bert_mean", [](FineTuneSettings& s) { s.precision = "bf16"; }},
    {"Pooler", "roberta_pooler",
     [](FineTuneSettings& s) {
       s.pooling = "first";
       s.pooler = true;
     }},
    {"Frozen", "xlmr_mean", [](FineTuneSettings& s) { s.freeze_embeddings = true; }},
    {"Ema", "bert_mean", [](FineTuneSettings& s) { s.averaging = "ema"; }},
    {"LastEpochs", "bert_mean",
     [](FineTuneSettings& s) {
       s.averaging = "last_epochs";
       s.averaged_epochs = 2;
     }},
    {"Lora", "bert_mean",
     [](FineTuneSettings& s) {
       s.lora.rank = 4;
       s.lora.dropout = 0.1;
       s.lora.targets = {
           "query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"};
       s.learning_rate = 1e-2;
     }},
    {"EvenSteps", "bert_mean",
     [](FineTuneSettings& s) {
       s.even_steps = true;
       s.window_pooling = "max";
       s.label_smoothing = 0.1;
       s.class_weights = {1, 2, 3};
     }},
};

class FineTuning : public testing::TestWithParam<Case> {
 protected:
  FineTuning() : base(ModelFolder::open(tiny(GetParam().model))), settings(tiny_settings()) {
    GetParam().change(settings);
  }
  FineTuner tuner(const fs::path& work, ProgressSink sink = {}) const {
    return FineTuner(base, settings, reports(43, 1), reports(30, 2), work, std::move(sink));
  }
  TemporaryFolder folder;
  ModelFolder base;
  FineTuneSettings settings;
};

TEST_P(FineTuning, LearnsAndAnInterruptedRunEndsInTheSameBits) {
  FineTuner straight = tuner(folder / "straight");
  const RestartResult expected = straight.run(0);
  ASSERT_EQ(expected.epochs.size(), 3u);
  EXPECT_LT(expected.epochs.back().training_loss, expected.epochs.front().training_loss);
  EXPECT_EQ(expected.steps.size(), 27u);
  EXPECT_GT(expected.useful_tokens_per_second, 0);

  // Interrupted at every ninth step or so, in the middle and at the ends of epochs.
  int steps = 0, interruptions = 0;
  const ProgressSink stop = [&](const Progress& p) {
    if (p.unit == "steps" && ++steps % 7 == 0) interrupted() = true;
  };
  RestartResult result;
  while (true) {
    FineTuner again = tuner(folder / "cut", stop);
    try {
      result = again.run(0);
      break;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), "E0104") << e.what();
      interrupted() = false;
      ASSERT_LT(++interruptions, 10);
    }
  }
  interrupted() = false;
  EXPECT_GE(interruptions, 2);
  ASSERT_EQ(result.steps.size(), expected.steps.size());
  for (size_t i = 0; i < result.steps.size(); ++i) {
    EXPECT_EQ(result.steps[i].loss, expected.steps[i].loss) << i;
    EXPECT_EQ(result.steps[i].gradient_norm, expected.steps[i].gradient_norm) << i;
  }
  EXPECT_EQ(result.tuning_logits, expected.tuning_logits);
  EXPECT_EQ(result.best_epoch, expected.best_epoch);
  // Another look reads the result back and trains nothing.
  steps = 0;
  EXPECT_EQ(tuner(folder / "cut", stop).run(0).tuning_logits, expected.tuning_logits);
  EXPECT_EQ(steps, 0);
  EXPECT_EQ(straight.logits(0, reports(30, 2)), expected.tuning_logits);
}

INSTANTIATE_TEST_SUITE_P(Settings, FineTuning, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(FineTune, RestartsDiffer) {
  TemporaryFolder folder;
  FineTuner t(ModelFolder::open(tiny("bert_mean")), tiny_settings(), reports(20, 1), reports(10, 2),
              folder / "work");
  EXPECT_NE(t.run(0).tuning_logits, t.run(1).tuning_logits);
}

TEST(FineTune, StopsEarly) {
  TemporaryFolder folder;
  FineTuneSettings s = tiny_settings();
  s.epochs = 50;
  s.patience = 2;
  s.metric = "accuracy";
  s.learning_rate = 1e-9;  // nothing is learnt, so nothing gets better
  s.head_learning_rate = 1e-9;
  FineTuner t(ModelFolder::open(tiny("bert_mean")), s, reports(20, 1), reports(10, 2),
              folder / "work");
  const RestartResult r = t.run(0);
  EXPECT_TRUE(r.stopped_early);
  EXPECT_LT(r.epochs.size(), 20u);
}

TEST(FineTune, SaysWhatIsWrong) {
  TemporaryFolder folder;
  const ModelFolder base = ModelFolder::open(tiny("bert_mean"));
  const auto code = [&](FineTuneSettings s, std::vector<Example> training) {
    try {
      FineTuner t(base, s, std::move(training), {}, folder / "work");
      t.run(0);
    } catch (const Error& e) {
      return e.code();
    }
    return std::string("none");
  };
  FineTuneSettings s = tiny_settings();
  s.schedule = "linaer";
  EXPECT_EQ(code(s, reports(10, 1)), "E0611");
  s = tiny_settings();
  s.pooler = true;
  EXPECT_EQ(code(s, reports(10, 1)), "E0611");
  s = tiny_settings();
  EXPECT_EQ(code(s, {}), "E0613");
  EXPECT_EQ(code(s, reports(10, 1, 2)), "E0613");  // a class without a report
  std::vector<Example> bad = reports(10, 1);
  bad[3].windows[0].push_back(61);  // the vocabulary has 61 entries
  EXPECT_EQ(code(s, bad), "E0612");
  bad = reports(10, 1);
  bad[3].windows[0].resize(41, 5);  // the model takes 40
  EXPECT_EQ(code(s, bad), "E0612");
  bad = reports(10, 1);
  bad[2].label = 3;
  EXPECT_EQ(code(s, bad), "E0612");
  s.epochs = 1;
  EXPECT_EQ(code(s, reports(10, 1)), "none");
  EXPECT_EQ(code(s, reports(11, 1)), "E0616");  // the folder holds another run
}

TEST(FineTune, WrittenFolderHoldsTheWholeTable) {
  TemporaryFolder folder;
  const ModelFolder base = ModelFolder::open(tiny("bert_mean"));
  const std::vector<Example> training = reports(20, 1);
  FineTuner t(base, tiny_settings(), training, reports(10, 2), folder / "work");
  t.run(0);
  t.write_model({0}, folder / "model", {.labels = {"0", "1", "2"}, .prefix = "query: "});
  const ModelFolder written = ModelFolder::open(folder / "model");
  written.check();
  EXPECT_TRUE(written.has_classifier());
  EXPECT_EQ(written.about().prefix, "query: ");
  EXPECT_EQ(written.config().id2label.size(), 3u);
  const auto before = base.read_f32("embeddings.word_embeddings.weight"),
             after = written.read_f32("embeddings.word_embeddings.weight");
  const size_t h = static_cast<size_t>(base.config().hidden_size);
  // Row 60 occurs nowhere: all that happened to it is weight decay.
  const float factor = after[60 * h] / before[60 * h];
  EXPECT_LT(factor, 1);
  EXPECT_GT(factor, 0.99);
  for (size_t i = 0; i < h; ++i) EXPECT_NEAR(after[60 * h + i], factor * before[60 * h + i], 1e-6);
  EXPECT_NE(after[41 * h] / before[41 * h], factor);
}

TEST(FineTune, RestartsShareOneWordTable) {
  TemporaryFolder folder;
  const ModelFolder base = ModelFolder::open(tiny("bert_mean"));
  FineTuner t(base, tiny_settings(), reports(20, 1), reports(10, 2), folder / "work");
  t.run(0);
  t.run(1);
  const std::vector<std::string> labels = {"0", "1", "2"};
  t.write_model({0}, folder / "owner", {.labels = labels});
  t.write_model({1}, folder / "whole", {.labels = labels});
  t.write_model({1}, folder / "sharing", {.labels = labels, .words_of = folder / "owner"});
  const ModelFolder whole = ModelFolder::open(folder / "whole"),
                    sharing = ModelFolder::open(folder / "sharing");
  sharing.check();
  EXPECT_TRUE(sharing.shares_words());
  EXPECT_LT(fs::file_size(folder / "sharing" / "model.safetensors"),
            fs::file_size(folder / "whole" / "model.safetensors"));
  const auto same = [&](const ModelFolder& other) {
    for (const StoredTensor& tensor : encoder_tensors(base.config())) {
      const auto a = whole.read_f32(tensor.name), b = other.read_f32(tensor.name);
      ASSERT_EQ(a.size(), b.size()) << tensor.name;
      for (size_t i = 0; i < a.size(); ++i)
        ASSERT_NEAR(a[i], b[i], 2e-7 * std::fabs(a[i])) << tensor.name << " " << i;
    }
    EXPECT_EQ(whole.read_f32("classifier.weight"), other.read_f32("classifier.weight"));
  };
  same(sharing);
  const auto h = static_cast<size_t>(base.config().hidden_size);
  std::vector<float> some(3 * h), all = whole.read_f32("embeddings.word_embeddings.weight");
  sharing.read_rows_f32("embeddings.word_embeddings.weight", std::vector<int32_t>{60, 4, 41}, some);
  EXPECT_EQ(some[h], all[4 * h]);
  EXPECT_EQ(some[2 * h], all[41 * h]);

  copy_model_folder(folder / "sharing", folder / "copy");
  const ModelFolder copy = ModelFolder::open(folder / "copy");
  copy.check();
  EXPECT_FALSE(copy.shares_words());
  same(copy);
  EXPECT_EQ(fs::file_size(folder / "copy" / "model.safetensors"),
            fs::file_size(folder / "whole" / "model.safetensors"));

  t.write_model({1}, folder / "owner", {.labels = labels});  // another model in the owner's place
  try {
    ModelFolder::open(folder / "sharing");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0417");
  }
  fs::remove_all(folder / "owner");
  EXPECT_THROW(ModelFolder::open(folder / "sharing"), Error);
}

TEST(FineTune, LoraKeepsItsAdapterBesideTheMergedModel) {
  TemporaryFolder folder;
  const ModelFolder base = ModelFolder::open(tiny("bert_mean"));
  FineTuneSettings settings = tiny_settings();
  settings.lora = {.rank = 3, .alpha = 6, .targets = {"query", "value"}};
  settings.learning_rate = 1e-2;
  FineTuner t(base, settings, reports(20, 1), reports(10, 2), folder / "work");
  t.run(0);
  t.write_model({0}, folder / "model", {.labels = {"0", "1", "2"}});
  const PeftAdapter adapter = read_peft_adapter(folder / "model" / "adapter");
  check_adapter_fits(adapter, base.config(), "adapter");
  const ModelFolder merged = ModelFolder::open(folder / "model");
  EXPECT_EQ(adapter.rank, 3);
  EXPECT_EQ(adapter.modules.size(), 2u * static_cast<size_t>(base.config().num_hidden_layers));
  for (const LoraModule& m : adapter.modules) {
    const auto before = base.read_f32(m.module + ".weight"),
               after = merged.read_f32(m.module + ".weight");
    double moved = 0;
    for (int64_t o = 0; o < m.out; ++o)
      for (int64_t i = 0; i < m.in; ++i) {
        double delta = 0;
        for (int64_t r = 0; r < m.rank; ++r)
          delta += static_cast<double>(m.b[static_cast<size_t>(o * m.rank + r)]) *
                   m.a[static_cast<size_t>(r * m.in + i)];
        const auto at = static_cast<size_t>(o * m.in + i);
        EXPECT_NEAR(after[at], before[at] + adapter.scale_of(m) * delta, 1e-5);
        moved = std::max(moved, std::fabs(delta));
      }
    EXPECT_GT(moved, 0) << m.module;
  }
  ASSERT_EQ(adapter.head.size(), 2u);
  for (const NamedTensor& tensor : adapter.head)
    EXPECT_EQ(tensor.values, merged.read_f32(tensor.name)) << tensor.name;
}

TEST(Checkpoint, TornFilesAreKnown) {
  TemporaryFolder folder;
  make_private_folder(folder / "c");
  CheckpointPair pair(folder / "c");
  std::vector<float> values = {1, 2, 3}, read(3);
  const std::span<const float> out[] = {values};
  const std::span<float> in[] = {read};
  EXPECT_FALSE(pair.read(in));
  pair.write(R"({"n": 1})", out);
  values[0] = 10;
  pair.write(R"({"n": 2})", out);
  ASSERT_TRUE(CheckpointPair(folder / "c").read(in));
  EXPECT_EQ(read[0], 10);
  const fs::path newest = folder / "c" / "checkpoint-a";  // the second
  const std::string whole = read_file(newest);
  for (size_t length : {size_t{0}, size_t{7}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(newest, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    ASSERT_TRUE(CheckpointPair(folder / "c").read(in)) << length;
    EXPECT_EQ(read[0], 1) << length;
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  std::ofstream(newest, std::ios::binary | std::ios::trunc) << flipped;
  ASSERT_TRUE(CheckpointPair(folder / "c").read(in));
  EXPECT_EQ(read[0], 1);
}

TEST(EpochOrder, IsASeededPermutationAndEvensSteps) {
  const std::vector<Example> examples = reports(83, 1);
  for (bool even : {false, true}) {
    std::vector<size_t> order = epoch_order(examples, 7, 2, 5, even);
    EXPECT_EQ(order, epoch_order(examples, 7, 2, 5, even));
    EXPECT_NE(order, epoch_order(examples, 7, 3, 5, even));
    std::sort(order.begin(), order.end());
    for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
  }
  const auto spread = [&](bool even) {
    const std::vector<size_t> order = epoch_order(examples, 7, 2, 5, even);
    size_t least = SIZE_MAX, most = 0;
    for (size_t s = 0; s < 8; ++s) {
      size_t tokens = 0;
      for (size_t i = 0; i < 5; ++i) tokens += examples[order[s * 5 + i]].tokens();
      least = std::min(least, tokens);
      most = std::max(most, tokens);
    }
    return static_cast<double>(most) / static_cast<double>(least);
  };
  EXPECT_LT(spread(true), spread(false));
}

}  // namespace
}  // namespace gantry
