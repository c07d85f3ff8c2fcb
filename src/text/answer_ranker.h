// Baselines and members that need no language model: from a text, ranked answers.
//
//   auto nearest = train_nearest_case(texts, answers);
//   for (const RankedAnswer& a : nearest->rank(text, 5)) ...   // best first
//
// An answer is a string: a code, a group's name, a regimen. All rankers are deterministic.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/ngram_classifier.h"

namespace gantry {

struct RankedAnswer {
  std::string answer;
  double score = 0;     // higher is better. Probabilities that sum to one over all answers where
                        // gives_probabilities() says so, else a similarity.
  std::string because;  // what spoke for it: the nearest case's number, a code's matched words
};

class AnswerRanker {
 public:
  virtual ~AnswerRanker() = default;
  // At most `most` answers, best first; ties by answer. Never empty.
  virtual std::vector<RankedAnswer> rank(std::string_view text, size_t most) const = 0;
  virtual bool gives_probabilities() const = 0;
  virtual std::string name() const = 0;  // "majority", "TF-IDF + logistic regression", ...
  // Binary form with a SHA-256 at its end; parse_ranker opens every kind.
  virtual std::string serialize() const = 0;
};

// E0652 when it is cut short, damaged or of another version.
std::unique_ptr<AnswerRanker> parse_ranker(std::string_view bytes);

// The answers of training by their share.
std::unique_ptr<AnswerRanker> train_majority(std::span<const std::string> answers);

// TF-IDF + multinomial logistic regression over the answers of training (text/ngram_classifier.h):
// words of one and two, or characters within words of two to five. Characters read a clinic's
// shorthand better (docs/recipe.md) and cost ten times as much. E0651 when fewer than two answers
// occur.
struct RankerBlock {
  bool concepts = false;  // the signs of a ConceptTable, counted one by one
  double weight = 1;
};
struct NgramRankerOptions {
  NgramUnit unit = NgramUnit::kWord;   // or kCharacterInWord
  std::vector<RankerBlock> blocks{1};  // of each text, parted by kBlockSeparator
  double c = 100;
  bool balanced = false;
};
std::unique_ptr<AnswerRanker> train_ngram_ranker(std::span<const std::string> texts,
                                                 std::span<const std::string> answers,
                                                 const NgramRankerOptions& options = {});

// The answer of the training case whose TF-IDF vector has the highest cosine; further answers
// follow by their nearest case. kWords: of one and two; kWordsAndCharacters: the mean of that
// cosine and of that of characters within words, two to five.
enum class Likeness { kWords, kWordsAndCharacters };
std::unique_ptr<AnswerRanker> train_nearest_case(std::span<const std::string> texts,
                                                 std::span<const std::string> answers,
                                                 Likeness likeness = Likeness::kWords);

}  // namespace gantry
