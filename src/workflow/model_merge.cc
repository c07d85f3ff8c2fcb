#include "workflow/model_merge.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "models/decoder.h"
#include "records/store.h"
#include "study/data_folder.h"
#include "study/study.h"
#include "tensor/arena.h"
#include "weights/decoder_adapter.h"
#include "weights/decoder_export.h"
#include "weights/decoder_folder.h"
#include "weights/decoder_tokenizer.h"

namespace gantry {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTokens = 256;
constexpr size_t kMostTexts = 24;

// A model with its frozen weights loaded and, where given, adapters beside them.
class LoadedDecoder {
 public:
  LoadedDecoder(const DecoderFolder& base, const DecoderAdapter* adapter, FrozenType type) {
    DecoderLora lora;
    if (adapter) {
      lora.rank = static_cast<int>(adapter->lora.rank);
      lora.alpha = static_cast<float>(adapter->lora.alpha);
      lora.rslora = adapter->lora.rslora;
      for (const std::string& target : decoder_lora_targets())
        for (const LoraModule& m : adapter->lora.modules)
          if (m.module.ends_with("." + target)) {
            lora.targets.push_back(target);
            break;
          }
    }
    const DecoderHow how{.weights = type,
                         .head_weights = type == FrozenType::f32 ? type : FrozenType::bf16,
                         .bf16_activations = false,
                         .training = false};
    const DecoderCapacity capacity{
        .rows = kMostTokens, .segments = 1, .labels = kMostTokens, .positions = kMostTokens};
    decoder_ = make_decoder(base.config(), lora, how, capacity, specs_);
    const int flat = specs_.add("adapter", {std::max<int64_t>(decoder_->adapters().size(), 1)},
                                DType::kF32, "adapters");
    arena_ = std::make_unique<Arena>(specs_);
    decoder_->bind(*arena_);
    decoder_->load(folder_weights(base));
    if (!adapter) return;
    float* values = arena_->data<float>(flat);
    for (const AdapterModule& m : decoder_->adapters().modules())
      for (const LoraModule& given : adapter->lora.modules) {
        if (given.module != m.name) continue;
        if (given.rank != m.rank)
          throw Error("E0432",
                      m.name + " has a rank of its own (" + std::to_string(given.rank) + ")",
                      "Merge it with the tool it was trained by.");
        std::copy(given.a.begin(), given.a.end(), values + m.a);
        std::copy(given.b.begin(), given.b.end(), values + m.b);
      }
    decoder_->set_adapter(values);
    decoder_->adapter_changed();
  }

  // Logits [step.labels.size(), vocabulary].
  void logits(const SegmentedStep& step, std::vector<float>& out) {
    const int64_t rows = static_cast<int64_t>(step.labels.size());
    const int64_t cols = decoder_->config().vocabulary;
    out.resize(static_cast<size_t>(rows * cols));
    decoder_->logits(step, Matrix<float>(out.data(), rows, cols));
  }

 private:
  TensorSpecs specs_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Arena> arena_;
};

double log_sum_exp(std::span<const float> row) {
  const float largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float x : row) sum += std::exp(static_cast<double>(x - largest));
  return static_cast<double>(largest) + std::log(sum);
}

SegmentedStep step_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids = tokenizer.with_specials(tokenizer.encode_plain(text).ids);
  if (static_cast<int64_t>(ids.size()) > kMostTokens) ids.resize(kMostTokens);
  SegmentedStep step;
  step.add(ids, -1);
  step.label_from(0, 1);
  step.finish();
  return step;
}

}  // namespace

MergeCheck compare_merged(const DecoderFolder& base, const DecoderAdapter& adapter,
                          const DecoderFolder& merged, const std::vector<std::string>& texts,
                          const ProgressSink& sink) {
  // Both stand in memory at once; four bytes a weight where that is little, else two.
  constexpr int64_t kLittle = int64_t{4} << 30;
  const int64_t whole =
      frozen_bytes(base.config(), {.weights = FrozenType::f32, .head_weights = FrozenType::f32});
  const FrozenType type = whole <= kLittle ? FrozenType::f32 : FrozenType::bf16;
  LoadedDecoder beside(base, &adapter, type), inside(merged, nullptr, type);
  const auto tokenizer = open_decoder_tokenizer(base);
  const auto vocabulary = static_cast<size_t>(base.config().vocabulary);
  MergeCheck check{.precision = name_of(type)};
  std::vector<float> a, b;
  double sum = 0;
  int64_t same = 0;
  for (const std::string& text : texts) {
    const SegmentedStep step = step_of(*tokenizer, text);
    if (step.labels.empty()) continue;
    beside.logits(step, a);
    inside.logits(step, b);
    for (size_t i = 0; i < step.labels.size(); ++i) {
      const auto x = std::span<const float>(a).subspan(i * vocabulary, vocabulary);
      const auto y = std::span<const float>(b).subspan(i * vocabulary, vocabulary);
      const auto label = static_cast<size_t>(step.labels[i].label);
      const double difference = std::fabs((static_cast<double>(x[label]) - log_sum_exp(x)) -
                                          (static_cast<double>(y[label]) - log_sum_exp(y)));
      check.largest = std::max(check.largest, difference);
      sum += difference;
      same += std::max_element(x.begin(), x.end()) - x.begin() ==
              std::max_element(y.begin(), y.end()) - y.begin();
      ++check.tokens;
    }
    ++check.texts;
    tell(sink, {.phase = "comparing merged and unmerged",
                .done = static_cast<double>(check.texts),
                .total = static_cast<double>(texts.size()),
                .unit = "texts"});
  }
  if (check.tokens > 0) {
    check.mean = sum / static_cast<double>(check.tokens);
    check.same_next = static_cast<double>(same) / static_cast<double>(check.tokens);
  }
  return check;
}

MergeReport merge_adapter(const fs::path& base_path, const fs::path& adapter_path,
                          const fs::path& out, StoredType type,
                          const std::vector<std::string>& texts, const ProgressSink& sink) {
  const DecoderFolder base = DecoderFolder::open(base_path);
  base.check();
  open_decoder_tokenizer(base);  // without one nothing can be compared: its Error before any work
  const DecoderAdapter adapter = read_decoder_adapter(adapter_path);
  MergeReport report;
  report.weights_hash =
      write_decoder_folder(MergedDecoder(base, &adapter), type, out, base.name() + "-tuned", sink);
  try {
    report.check = compare_merged(base, adapter, DecoderFolder::open(out), texts, sink);
  } catch (...) {
    fs::remove_all(out);  // what was not compared is not given out
    throw;
  }
  const MergeCheck& c = report.check;
  if (c.tokens > 0 && c.mean <= kLargestMeanDifference) return report;
  fs::remove_all(out);
  throw Error("E0641",
              c.tokens == 0
                  ? std::string("there is no text to compare the merged model on")
                  : "merged and unmerged differ: " + format_double(c.mean, 4) + " on average, " +
                        format_double(c.largest, 4) + " at most, in a token's log-probability",
              c.tokens == 0 ? "Give some with --texts FILE."
                            : "Merge with --type f32. If they still differ, please report it.");
}

std::vector<std::string> texts_for_comparison(const std::string& study_folder) {
  std::vector<std::string> texts;
  if (!study_folder.empty()) {
    const Study study = Study::open(study_folder);
    if (fs::exists(study.records_path()))
      Store::open_read_only(study.records_path())->for_each([&](const Record& record) {
        if (!record.text.empty()) texts.push_back(record.text);
        return texts.size() < kMostTexts;
      });
    if (!texts.empty()) return texts;
  }
  const std::string cases = read_file(data_file("corpora/radiation-oncology/ra.jsonl"));
  for (std::string_view line : split(cases, '\n')) {
    if (trim(line).empty() || texts.size() == kMostTexts) break;
    const nlohmann::json one = nlohmann::json::parse(line);
    for (const auto& diagnosis : one.at("diagnoses"))
      if (texts.size() < kMostTexts) texts.push_back(diagnosis.at("text"));
  }
  return texts;
}

std::vector<std::string> texts_of_file(const fs::path& file) {
  const std::string content = read_file(file);
  std::vector<std::string> texts;
  int64_t number = 0;
  for (std::string_view line : split(content, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    if (file.extension() != ".jsonl") {
      texts.emplace_back(trim(line));
      continue;
    }
    const nlohmann::json one = nlohmann::json::parse(line, nullptr, false);
    if (!one.is_object() || !one.contains("text") || !one["text"].is_string())
      throw Error("E0642", file.string() + ", line " + std::to_string(number) + ": no \"text\"",
                  "Give one JSON object a line, each with a text; or a plain file, a text a line.");
    texts.push_back(one["text"]);
  }
  return texts;
}

}  // namespace gantry
