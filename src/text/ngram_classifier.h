// TF-IDF + logistic regression as one model that can be stored, and asked why.
//
//   auto model = NgramClassifier::fit(texts, labels, 3, {});
//   std::vector<double> p = model.probabilities(text);
//   for (auto& word : model.explain(text, 1, 10)) ...   // the n-grams that spoke for group 1
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stats/logistic_regression.h"
#include "text/block_tfidf.h"

namespace gantry {

// One of a text's blocks (block_tfidf.h).
struct NgramBlock {
  TfidfOptions tfidf;
  double weight = 1;  // length of its row: of two blocks the longer one is penalised less
};

struct NgramClassifierOptions {
  std::vector<NgramBlock> blocks{1};  // of each text, parted by kBlockSeparator
  LogisticRegressionOptions regression;
};

class NgramClassifier {
 public:
  static NgramClassifier fit(std::span<const std::string> texts, std::span<const int> labels,
                             int classes, const NgramClassifierOptions& options);
  std::vector<double> logits(std::string_view text) const;
  std::vector<double> probabilities(std::string_view text) const;  // [classes]
  int classes() const { return regression_.classes; }
  const BlockTfidf& tfidf() const { return tfidf_; }
  const LogisticRegression& regression() const { return regression_; }

  // The n-grams of `text` that weighed most for class c (positive) or against it (negative), by
  // size, at most `most` of them.
  struct Ngram {
    std::string text;
    double contribution;  // to the logit of c less the mean of all classes' logits
  };
  std::vector<Ngram> explain(std::string_view text, int c, size_t most) const;
  // The same spread over the text: one contribution a byte (each n-gram's shared evenly over its
  // occurrences and their bytes), so that a report can be shaded. Sums to the logit less intercept.
  std::vector<double> contribution_by_byte(std::string_view text, int c) const;

  // A compact binary form with a SHA-256 at its end. parse: E0652 when it is cut short, damaged or
  // of another version.
  std::string serialize() const;
  static NgramClassifier parse(std::string_view bytes);

 private:
  NgramClassifier(BlockTfidf tfidf, LogisticRegression regression);
  BlockTfidf tfidf_;
  LogisticRegression regression_;
};

// Chooses C by log loss over grouped cross-validation: no group (patient, hospital) is in both
// parts of a fold. Groups are dealt to folds by size, largest first. `chosen` is the index into
// `c`.
struct CChoice {
  std::vector<double> c, log_loss, macro_f1;
  size_t chosen = 0;
};
CChoice choose_c(std::span<const std::string> texts, std::span<const int> labels,
                 std::span<const int32_t> group, int classes, const NgramClassifierOptions& options,
                 std::span<const double> candidates, int folds = 5);
// The same on a tuning set apart.
CChoice choose_c_on_tuning(std::span<const std::string> texts, std::span<const int> labels,
                           std::span<const std::string> tuning_texts,
                           std::span<const int> tuning_labels, int classes,
                           const NgramClassifierOptions& options,
                           std::span<const double> candidates);

}  // namespace gantry
