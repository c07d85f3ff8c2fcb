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

std::vector<TfidfOptions> tfidf_of(const NgramRankerOptions& options) {
  const bool words = options.unit == NgramUnit::kWord;
  const TfidfOptions ngrams{.unit = options.unit,
                            .shortest = words ? 1 : 2,
                            .longest = words ? 2 : 5,
                            .min_documents = 1};
  const TfidfOptions signs{.shortest = 1, .longest = 1, .min_documents = 1, .lower_case = false};
  std::vector<TfidfOptions> blocks;
  for (const RankerBlock& block : options.blocks) blocks.push_back(block.concepts ? signs : ngrams);
  return blocks;
}

// Leaves out the n-grams of the fewest texts until the weights fit.
void bound_weights(std::span<const std::string> texts, int64_t answers,
                   std::vector<TfidfOptions>& blocks) {
  for (int64_t least = 1; least < 20; ++least) {
    for (TfidfOptions& block : blocks) block.min_documents = least;
    if (BlockTfidf::fit(texts, blocks).columns() * answers <= kMostWeights) return;
  }
}

}  // namespace

std::unique_ptr<AnswerRanker> train_ngram_ranker(std::span<const std::string> texts,
                                                 std::span<const std::string> answers,
                                                 const NgramRankerOptions& options) {
  GANTRY_CHECK(texts.size() == answers.size());
  AnswerNumbers numbered = number_answers(answers);
  const auto classes = static_cast<int>(numbered.answers.size());
  std::vector<TfidfOptions> tfidf = tfidf_of(options);
  bound_weights(texts, classes, tfidf);
  NgramClassifierOptions fit;
  fit.blocks.clear();
  for (size_t b = 0; b < tfidf.size(); ++b)
    fit.blocks.push_back({.tfidf = tfidf[b], .weight = options.blocks[b].weight});
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
