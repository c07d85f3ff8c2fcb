// Predictor: a trained classifier as `gantry train` leaves it: one or several encoders, a TF-IDF
// member where the study asks for one, a temperature and a threshold for abstaining. A folder:
//
//   predictor.json   members and weights, temperature, threshold, labels, identity, the settings it
//   was trained with member-0/ ...    encoders as Hugging Face folders ngrams.bin       TF-IDF +
//   logistic regression: a member where its weight is above 0 baseline.bin     the plain TF-IDF
//   baseline that is reported beside the model
//
// The score of a class is (1 - w) * mean over encoders of its logit (each encoder's logits centred)
// + w * the logit of the n-gram member; probabilities are softmax(score / temperature).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "infer/classifier.h"
#include "study/cases.h"
#include "study/settings.h"
#include "text/ngram_classifier.h"
#include "text/tokenizer.h"
#include "workflow/example_maker.h"

namespace gantry {

struct PredictorDescription {
  std::string run;
  std::vector<std::string> members;  // folders beside predictor.json
  double ngram_weight = 0;
  double temperature = 1;
  bool abstains = true;  // false: no threshold reaches the stated error rate; every answer is given
  double threshold = 0;  // answer when the highest probability is at least this
  double error_rate = 0.02;  // stated, among answers given
  std::string threshold_rule;
  WindowSettings windows;
  std::vector<std::string> labels;
};

// Joins the members' logits; each is [n x classes]. Encoders' rows are centred (their mean over
// classes taken off).
std::vector<double> joined_scores(std::span<const std::vector<float>> encoders,
                                  std::span<const double> ngrams, double ngram_weight, int classes);

struct Prediction {
  std::vector<double> probabilities;
  int label = -1;  // index of the highest probability
  bool abstain = false;
  int64_t tokens = 0, windows = 0;
};

struct PredictorText {
  std::string id;
  std::string text;    // the encoder's (Case::text)
  std::string blocks;  // the n-gram member's (ngram_member_text)
};
PredictorText predictor_text(const Case& item, const Settings& settings);
// What the ensemble's n-gram member reads: the blocks of tfidf.blocks, or the baseline's text where
// none are named.
const std::string& ngram_member_text(const Case& item, const Settings& settings);
int ngram_member_blocks(const Settings& settings);

class Predictor {
 public:
  // Errors E0711 (not a predictor's folder, damaged), E0713 (the headings, wording or concepts are
  // not those it was trained with), and those of Classifier and Tokenizer.
  static Predictor open(const std::filesystem::path& folder, Precision precision);

  const PredictorDescription& about() const { return about_; }
  const Settings& settings() const { return settings_; }  // as trained; for making cases
  const NgramClassifier& baseline() const { return *baseline_; }

  // In the order of `texts`; an answer does not depend on the others in the call. Error E0706.
  std::vector<Prediction> predict(std::span<const PredictorText> texts);

  // Bytes of `text` with the gradient x input of class `label`'s logit by the first encoder; sums
  // over windows.
  struct Weight {
    ByteRange bytes;
    double weight = 0;
  };
  std::vector<Weight> weigh(const PredictorText& text, int label);

 private:
  PredictorDescription about_;
  Settings settings_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ExampleMaker> maker_;
  std::unique_ptr<NgramClassifier> ngrams_, baseline_;
  std::vector<Classifier> encoders_;
};

// Writes predictor.json into `folder` (the members and ngrams.bin are there already).
void write_predictor(const std::filesystem::path& folder, const PredictorDescription& about,
                     const Settings& settings);

}  // namespace gantry
