// Classifier: answers with a trained model folder (written by FineTuner::write_model, or any
// Hugging Face folder with a classification head).
//
//   Classifier classifier = Classifier::open(folder, Precision::bf16);
//   std::vector<float> logits = classifier.logits(examples);  // [n * classes]
//
// Reports are sorted by length and packed without padding. A report's logits are the same bits
// whatever else is in the batch. Not thread-safe: one Classifier a thread; it uses all threads of
// the pool itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/example.h"

namespace gantry {

enum class Precision { fp32, bf16, int8, automatic };
Precision precision_from(const std::string& name);  // "auto|fp32|bf16|int8"; Error E0701
const char* name_of(Precision precision);

struct ClassifierInfo {
  int classes = 0;
  std::vector<std::string> labels;  // as many as classes
  std::string prefix;
  std::string name;
  double temperature = 1;
  int max_tokens = 0;                     // of one window, special tokens included
  Precision precision = Precision::fp32;  // as chosen, never automatic
  std::string classifier_json;            // the whole classifier.json, "{}" when there is none
};

class Classifier {
 public:
  // Errors: E0702 no classification head, and those of ModelFolder.
  static Classifier open(const std::filesystem::path& folder, Precision precision);
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  const ClassifierInfo& info() const;

  // [examples.size() * classes], windows pooled. Error E0703: a window empty, too long, or with an
  // id outside the vocabulary.
  std::vector<float> logits(std::span<const Example> examples);

  // Gradient x input of the logit of `label` for each token of each window: [windows][tokens].
  // Positive: the token spoke for the class. Computed in fp32; takes a second or so to set up the
  // first time.
  std::vector<std::vector<float>> attributions(const Example& example, int label);

 private:
  struct Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// softmax(logits / temperature), row by row: [n * classes].
std::vector<double> probabilities(std::span<const float> logits, int classes,
                                  double temperature = 1);

}  // namespace gantry
