// A LoRA adapter at answering, beside the matrices and merged into them, against PEFT
// (tests/oracles/decoder.py): logits in float64 of tiny models with drawn adapters.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "models/decoder_inference.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_export.h"

namespace gantry {
namespace {

namespace fs = std::filesystem;

constexpr double kLogits = 2e-6;  // relative norm, of sums in float32

double relative(std::span<const float> got, std::span<const float> want) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += std::pow(double{got[i]} - double{want[i]}, 2);
    norm += std::pow(double{want[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

class AdapterAtAnswering : public testing::TestWithParam<const char*> {
 protected:
  AdapterAtAnswering()
      : base_(DecoderFolder::open(data())),
        expected_(Safetensors::open(data() / "expected.safetensors")),
        work_(fs::temp_directory_path() / ("gantry_adapter_" + std::to_string(::getpid()))) {
    fs::remove_all(work_);
    fs::create_directories(work_);
  }
  ~AdapterAtAnswering() override { fs::remove_all(work_); }
  static fs::path data() { return fs::path(GANTRY_SOURCE_DIR) / "tests/data/decoder" / GetParam(); }

  // PEFT's adapter at the start, through a folder as training writes it.
  DecoderAdapter adapter() const {
    const auto settings = nlohmann::json::parse(read_file(data() / "case.json"));
    DecoderAdapter out;
    out.lora.rank = settings.at("rank");
    out.lora.alpha = settings.at("alpha");
    out.lora.rslora = settings.at("rslora");
    for (const DecoderTensor* tensor : base_.tensors()) {
      if (!tensor->name.ends_with(".weight")) continue;
      const std::string module = tensor->name.substr(0, tensor->name.size() - 7);
      if (!expected_.find("start." + module + ".lora_A")) continue;
      LoraModule m{.module = module,
                   .in = tensor->cols(),
                   .out = tensor->rows(),
                   .rank = out.lora.rank,
                   .a = expected_.read_f32("start." + module + ".lora_A"),
                   .b = expected_.read_f32("start." + module + ".lora_B")};
      out.lora.modules.push_back(std::move(m));
    }
    EXPECT_FALSE(out.lora.modules.empty());
    write_decoder_adapter(work_ / "adapter", out);
    return read_decoder_adapter(work_ / "adapter");
  }

  // Logits of the rows that predict an answer, text after text, all in one pass.
  std::vector<float> logits(const DecoderFolder& folder, const PeftAdapter* lora) const {
    const DecoderInferenceWeights weights(folder, MatrixForm::kStored, lora);
    DecoderInference engine(folder.config(), weights, {});
    const auto tokens = expected_.read_f32("tokens"), lengths = expected_.read_f32("lengths"),
               prompts = expected_.read_f32("prompts");
    size_t at = 0;
    for (size_t i = 0; i < lengths.size(); at += static_cast<size_t>(lengths[i++])) {
      const std::vector<int32_t> ids(
          tokens.begin() + static_cast<ptrdiff_t>(at),
          tokens.begin() + static_cast<ptrdiff_t>(at + static_cast<size_t>(lengths[i])));
      const auto prompt = static_cast<size_t>(prompts[i]);
      const Sequence s = engine.open();
      engine.add(s, std::span(ids).first(prompt), Wanted::kLast);
      engine.add(s, std::span(ids).subspan(prompt), Wanted::kAll);
    }
    std::vector<float> rows;
    engine.run([&](int64_t, Matrix<const float> some) {
      for (int64_t r = 0; r < some.rows; ++r)
        rows.insert(rows.end(), some.row(r), some.row(r) + some.cols);
    });
    // The row of an answer's last token predicts what follows it, which PEFT's rows leave out.
    std::vector<float> out;
    const auto width = static_cast<size_t>(folder.config().vocabulary);
    size_t row = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
      const auto labels = static_cast<size_t>(lengths[i] - prompts[i]);
      out.insert(out.end(), rows.begin() + static_cast<ptrdiff_t>(row * width),
                 rows.begin() + static_cast<ptrdiff_t>((row + labels) * width));
      row += labels + 1;
    }
    return out;
  }

  // The base with the adapter in its matrices, as a folder.
  DecoderFolder merged(const DecoderAdapter& adapter) const {
    const MergedDecoder model(base_, &adapter);
    std::vector<NamedTensor> tensors;
    for (const DecoderTensor* t : base_.tensors()) {
      NamedTensor one{t->name, {t->rows(), t->cols()}, {}};
      if (t->rows() == 1) one.shape = {t->cols()};
      one.values.resize(static_cast<size_t>(t->rows() * t->cols()));
      model.rows(t->name, 0, t->rows(), one.values);
      tensors.push_back(std::move(one));
    }
    fs::create_directories(work_ / "merged");
    fs::copy_file(data() / "config.json", work_ / "merged/config.json");
    write_safetensors(work_ / "merged/model.safetensors", tensors);
    return DecoderFolder::open(work_ / "merged");
  }

  DecoderFolder base_;
  Safetensors expected_;
  fs::path work_;
};

TEST_P(AdapterAtAnswering, LogitsAreThoseOfPeftBesideAndMerged) {
  const DecoderAdapter tuned = adapter();
  check_decoder_adapter(tuned, base_, "the adapter");
  const std::vector<float> want = expected_.read_f32("logits");
  const std::vector<float> beside = logits(base_, &tuned.lora);
  const std::vector<float> inside = logits(merged(tuned), nullptr);
  ASSERT_EQ(beside.size(), want.size());
  EXPECT_LE(relative(beside, want), kLogits);
  EXPECT_LE(relative(inside, want), kLogits);
  EXPECT_GT(relative(logits(base_, nullptr), want), 0.01) << "the adapter does something";
}

INSTANTIATE_TEST_SUITE_P(Tiny, AdapterAtAnswering,
                         testing::Values("llama", "llama_gqa_tied", "llama3", "mistral_window",
                                         "mistral_heads"));

}  // namespace
}  // namespace gantry
