// TF-IDF + multinomial logistic regression as a ranker of answers.
#include "text/ranker_parts.h"

namespace gantry {
namespace {

// Weights are n-grams x answers, and the optimiser keeps some twenty copies: 3 million are 0.5 GB.
constexpr int64_t kMostWeights = 3'000'000;
// Good to a few hundredths in the logits; ranks do not change beyond it.
constexpr double kTolerance = 1e-5;

class NgramRanker : public AnswerRanker {
 public:
  NgramRanker(std::vector<std::string> answers, NgramClassifier model)
      : answers_(std::move(answers)), model_(std::move(model)) {}

  std::vector<RankedAnswer> rank(std::string_view text, size_t most) const override {
    const std::vector<double> p = model_.probabilities(text);
    return best_answers(answers_, p, most, [](size_t) { return std::string(); });
  }
  bool gives_probabilities() const override { return true; }
  std::string name() const override { return "TF-IDF + logistic regression"; }
  std::string serialize() const override {
    PartsWriter out(kNgramRankerMagic);
    write_texts(out, answers_);
    out.text(model_.serialize());
    return std::move(out).finish();
  }

 private:
  std::vector<std::string> answers_;
  NgramClassifier model_;
};

// The smallest number of texts an n-gram must occur in for the weights to fit.
int64_t least_documents(std::span<const std::string> texts, int64_t answers, TfidfOptions options) {
  for (;; ++options.min_documents) {
    const auto columns = static_cast<int64_t>(Tfidf::fit(texts, options).vocabulary().size());
    if (columns * answers <= kMostWeights || options.min_documents >= 20) {
      return options.min_documents;
    }
  }
}

}  // namespace

std::unique_ptr<AnswerRanker> train_ngram_ranker(std::span<const std::string> texts,
                                                 std::span<const std::string> answers,
                                                 const NgramRankerOptions& options) {
  GANTRY_CHECK(texts.size() == answers.size());
  AnswerNumbers numbered = number_answers(answers);
  const auto classes = static_cast<int>(numbered.answers.size());
  NgramClassifierOptions fit;
  const bool words = options.unit == NgramUnit::kWord;
  fit.tfidf = {.unit = options.unit,
               .shortest = words ? 1 : 2,
               .longest = words ? 2 : 5,
               .min_documents = 1};
  fit.tfidf.min_documents = least_documents(texts, classes, fit.tfidf);
  fit.regression = {.c = options.c, .balanced = options.balanced, .gradient_tolerance = kTolerance};
  NgramClassifier model = NgramClassifier::fit(texts, numbered.of_case, classes, fit);
  return std::make_unique<NgramRanker>(std::move(numbered.answers), std::move(model));
}

std::unique_ptr<AnswerRanker> parse_ngram_ranker(std::string_view bytes) {
  PartsReader in(bytes, kNgramRankerMagic, "n-gram baseline");
  std::vector<std::string> answers = read_texts(in);
  NgramClassifier model = NgramClassifier::parse(in.text());
  if (answers.size() != static_cast<size_t>(model.classes()) || !in.at_end()) {
    in.refuse("answers and weights differ in number");
  }
  return std::make_unique<NgramRanker>(std::move(answers), std::move(model));
}

}  // namespace gantry
