#include "infer/classifier.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "models/classifier_model.h"
#include "models/score.h"
#include "tensor/arena.h"
#include "tensor/instruction_set.h"
#include "weights/model_folder.h"
#include "weights/shared_words.h"

namespace gantry {

namespace {

constexpr int64_t kPassTokens = 2048;  // of a packed step
constexpr int64_t kMostWindows = 512;  // in a packed step

// A model with its memory, ready to answer.
struct LoadedModel {
  ParameterTable table;
  StepCapacity capacity;
  TensorSpecs specs;
  std::unique_ptr<ClassifierModel> model;
  std::unique_ptr<Arena> arena;

  LoadedModel(const ModelFolder& folder, const ClassifierModel::Options& options)
      : table(folder.config(), options.head, {}, 0), capacity(options.capacity) {
    const int weights = specs.add("weights", {table.size()}, DType::kF32, "weights");
    model = ClassifierModel::create(folder.config(), table, options, specs);
    arena = std::make_unique<Arena>(specs);
    float* values = arena->data<float>(weights);
    load_classifier_weights(folder, table, {}, values);
    model->bind(*arena, values);
    model->pack(true);
  }
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
};

// The rows of the word table that texts have asked for so far. A model of many languages has a
// quarter of a million rows, and a study's texts touch a few thousand.
class WordRowsInUse {
 public:
  // Reads what is missing for these examples.
  void hold(const ModelFolder& folder, std::span<const Example> examples) {
    const auto vocabulary = static_cast<size_t>(folder.config().vocab_size);
    const auto width = static_cast<size_t>(folder.config().hidden_size);
    std::vector<int32_t> missing;
    if (known_.empty()) known_.resize(vocabulary);
    for (const Example& example : examples)
      for (const auto& window : example.windows)
        for (int32_t id : window)
          if (!known_[static_cast<size_t>(id)]) {
            known_[static_cast<size_t>(id)] = true;
            missing.push_back(id);
          }
    if (missing.empty()) return;
    std::sort(missing.begin(), missing.end());
    const size_t held = values_.size();
    values_.resize(held + missing.size() * width);
    folder.read_rows_f32(kWordTable, missing, std::span(values_).subspan(held));
    std::vector<int32_t> ids = vocabulary_.ids();
    ids.insert(ids.end(), missing.begin(), missing.end());
    vocabulary_ = CompactVocabulary(std::move(ids), static_cast<int64_t>(vocabulary));
  }
  const CompactVocabulary& vocabulary() const { return vocabulary_; }
  void serve(ClassifierModel& model) const {
    model.use_word_table(values_.data(), static_cast<int64_t>(vocabulary_.ids().size()));
  }

 private:
  std::vector<bool> known_;
  std::vector<float> values_;  // in the order of vocabulary_.ids()
  CompactVocabulary vocabulary_;
};

nlohmann::json classifier_json_of(const ModelFolder& folder) {
  const std::filesystem::path path = folder.path() / "classifier.json";
  if (!std::filesystem::exists(path)) return nlohmann::json::object();
  nlohmann::json j = nlohmann::json::parse(read_file(path), nullptr, false);
  if (j.is_object()) return j;
  throw Error("E0704", path.string() + ": not a JSON object",
              "Train or export the model again: this file says how its head works.");
}

std::string classifier_tensor(const ModelFolder& folder) {
  const Architecture& a = architecture_of(folder.config().model_type);
  for (const std::string& name : {a.classifier_tensor, std::string("classifier")})
    if (folder.has(name + ".weight") && folder.has(name + ".bias")) return name;
  throw Error("E0702", folder.path().string() + ": this model has no classification head",
              "Train it first (gantry train), or name the folder that training wrote.");
}

HeadShape head_of(const ModelFolder& folder, const nlohmann::json& j) {
  const Architecture& a = architecture_of(folder.config().model_type);
  const std::string tensor = classifier_tensor(folder);
  HeadShape head;
  head.classes = static_cast<int>(folder.stored(tensor + ".weight")->shape.at(0));
  const bool own = tensor == a.classifier_tensor && folder.has(a.pooler_tensor + ".weight");
  head.pooler = j.value("pooler", own);
  head.pooling =
      j.value("pooling", own ? "first" : "mean") == "first" ? Pooling::kFirst : Pooling::kMean;
  head.window_pooling =
      j.value("window_pooling", "mean") == "max" ? WindowPooling::kMax : WindowPooling::kMean;
  return head;
}

Precision chosen(Precision wanted) {
  if (wanted != Precision::automatic) return wanted;
  return instruction_set() == Isa::kAvx512 ? Precision::bf16 : Precision::fp32;
}

ClassifierInfo info_of(const ModelFolder& folder, const nlohmann::json& j, int classes,
                       Precision precision) {
  ClassifierInfo info{.classes = classes,
                      .labels = j.value("labels", folder.config().id2label),
                      .prefix = j.value("prefix", folder.about().prefix),
                      .name = folder.name(),
                      .temperature = j.value("temperature", 1.0),
                      .max_tokens = static_cast<int>(folder.config().max_tokens),
                      .precision = precision,
                      .classifier_json = j.dump()};
  for (size_t i = info.labels.size(); i < static_cast<size_t>(classes); ++i)
    info.labels.push_back(std::to_string(i));
  return info;
}

void check_windows(std::span<const Example> examples, const EncoderConfig& config) {
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto fail = [&](const std::string& why) {
      throw Error("E0703", "report " + std::to_string(i + 1) + ": " + why,
                  "Check that the tokenizer belongs to the model.");
    };
    if (examples[i].windows.empty()) fail("no tokens");
    for (const auto& w : examples[i].windows) {
      if (w.empty()) fail("an empty window");
      if (static_cast<int64_t>(w.size()) > config.max_tokens)
        fail("a window of " + std::to_string(w.size()) + " tokens, and the model takes " +
             std::to_string(config.max_tokens));
      for (int32_t id : w)
        if (id < 0 || id >= config.vocab_size)
          fail("token " + std::to_string(id) + " of a vocabulary of " +
               std::to_string(config.vocab_size));
    }
  }
}

}  // namespace

struct Classifier::Impl {
  ModelFolder folder;
  HeadShape head;
  ClassifierInfo info;
  WordRowsInUse words;
  std::unique_ptr<LoadedModel> model, gradient_model;

  Impl(ModelFolder opened, Precision precision) : folder(std::move(opened)) {
    folder.check();
    const nlohmann::json j = classifier_json_of(folder);
    head = head_of(folder, j);
    info = info_of(folder, j, head.classes, precision);
    check_encoder_shape(folder.config());
    model = load(precision, false);
  }

  std::unique_ptr<LoadedModel> load(Precision precision, bool training) const {
    const int64_t longest = folder.config().max_tokens;
    const StepCapacity capacity = {
        .rows = padded_rows(training ? longest : std::max(longest, kPassTokens)),
        .windows = training ? 1 : kMostWindows,
        .reports = training ? 1 : kMostWindows};
    return std::make_unique<LoadedModel>(
        folder, ClassifierModel::Options{
                    .head = head,
                    .capacity = capacity,
                    .training = training,
                    .bf16 = precision == Precision::bf16 || precision == Precision::int8,
                    .int8 = precision == Precision::int8,
                });
  }

  ScoreSettings score_settings() const {
    return {.capacity = model->capacity,
            .position_offset = folder.config().position_offset,
            .classes = head.classes,
            .window_pooling = head.window_pooling};
  }

  // How much each window's logit of `label` counts in that of the report.
  std::vector<float> window_shares(const Example& example, int label) {
    const size_t n = example.windows.size();
    if (head.window_pooling == WindowPooling::kMean)
      return std::vector<float>(n, 1.0f / static_cast<float>(n));
    std::vector<Example> apart;
    for (const auto& w : example.windows) apart.push_back({.windows = {w}});
    std::vector<float> logits(n * static_cast<size_t>(head.classes));
    score(*model->model, score_settings(), words.vocabulary(), apart, logits.data());
    size_t best = 0;
    const auto at = [&](size_t w) {
      return logits[w * static_cast<size_t>(head.classes) + static_cast<size_t>(label)];
    };
    for (size_t w = 1; w < n; ++w)
      if (at(w) > at(best)) best = w;
    std::vector<float> shares(n, 0.0f);
    shares[best] = 1;
    return shares;
  }
};

Precision precision_from(const std::string& name) {
  for (Precision p : {Precision::fp32, Precision::bf16, Precision::int8, Precision::automatic})
    if (name == name_of(p)) return p;
  throw Error("E0701", "precision '" + name + "': not known", "Use auto, fp32, bf16 or int8.");
}

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::bf16:
      return "bf16";
    case Precision::int8:
      return "int8";
    case Precision::automatic:
      return "auto";
  }
  return "auto";
}

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Classifier Classifier::open(const std::filesystem::path& folder, Precision precision) {
  return Classifier(std::make_unique<Impl>(ModelFolder::open(folder), chosen(precision)));
}

const ClassifierInfo& Classifier::info() const { return impl_->info; }

std::vector<float> Classifier::logits(std::span<const Example> examples) {
  check_windows(examples, impl_->folder.config());
  impl_->words.hold(impl_->folder, examples);
  impl_->words.serve(*impl_->model->model);
  std::vector<float> out(examples.size() * static_cast<size_t>(impl_->head.classes));
  score(*impl_->model->model, impl_->score_settings(), impl_->words.vocabulary(), examples,
        out.data());
  return out;
}

std::vector<std::vector<float>> Classifier::attributions(const Example& example, int label) {
  check_windows({&example, 1}, impl_->folder.config());
  GANTRY_CHECK(label >= 0 && label < impl_->head.classes);
  if (!impl_->gradient_model) impl_->gradient_model = impl_->load(Precision::fp32, true);
  impl_->words.hold(impl_->folder, {&example, 1});
  impl_->words.serve(*impl_->model->model);
  impl_->words.serve(*impl_->gradient_model->model);
  const std::vector<float> shares = impl_->window_shares(example, label);
  std::vector<std::vector<float>> all;
  PackedStep step;
  for (size_t w = 0; w < example.windows.size(); ++w) {
    step.clear();
    step.add_window(example.windows[w], impl_->words.vocabulary(),
                    impl_->folder.config().position_offset);
    step.finish();
    std::vector<float> weights(example.windows[w].size());
    impl_->gradient_model->model->gradient_times_input(step, label, weights.data());
    for (float& x : weights) x *= shares[w];
    all.push_back(std::move(weights));
  }
  return all;
}

std::vector<double> probabilities(std::span<const float> logits, int classes, double temperature) {
  std::vector<double> out(logits.size());
  const auto c = static_cast<size_t>(classes);
  for (size_t row = 0; row + c <= logits.size(); row += c) {
    const float top = *std::max_element(logits.begin() + row, logits.begin() + row + c);
    double sum = 0;
    for (size_t k = 0; k < c; ++k)
      sum += out[row + k] = std::exp((static_cast<double>(logits[row + k]) - top) / temperature);
    for (size_t k = 0; k < c; ++k) out[row + k] /= sum;
  }
  return out;
}

}  // namespace gantry
