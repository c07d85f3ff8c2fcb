// What the rankers of answer_ranker.h share: the answers they can give, and how they are stored.
#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/answer_ranker.h"
#include "text/stored_parts.h"
#include "text/tfidf.h"

namespace gantry {

inline constexpr std::string_view kMajorityMagic = "GANTRY MAJORITY RANKER 1\n";
inline constexpr std::string_view kNgramRankerMagic = "GANTRY N-GRAM RANKER 1\n";
inline constexpr std::string_view kNearestCaseMagic = "GANTRY NEAREST-CASE RANKER 2\n";
inline constexpr std::string_view kCodeRankerMagic = "GANTRY CODE RANKER 1\n";
inline constexpr std::string_view kTitleMatcherMagic = "GANTRY CODE-TITLE RANKER 1\n";

std::unique_ptr<AnswerRanker> parse_majority(std::string_view bytes);
std::unique_ptr<AnswerRanker> parse_ngram_ranker(std::string_view bytes);
std::unique_ptr<AnswerRanker> parse_nearest_case(std::string_view bytes);
std::unique_ptr<AnswerRanker> parse_code_ranker(std::string_view bytes);
std::unique_ptr<AnswerRanker> parse_title_matcher(std::string_view bytes);

// The different answers in order, and each case's number among them.
struct AnswerNumbers {
  std::vector<std::string> answers;
  std::vector<int> of_case;
};
AnswerNumbers number_answers(std::span<const std::string> answers);

void write_texts(PartsWriter& out, std::span<const std::string> texts);
std::vector<std::string> read_texts(PartsReader& in);
void write_tfidf(PartsWriter& out, const Tfidf& tfidf);
Tfidf read_tfidf(PartsReader& in);

// The `most` highest scores, best first, ties by answer (which is the order of `answers`).
template <typename Because>
std::vector<RankedAnswer> best_answers(std::span<const std::string> answers,
                                       std::span<const double> score, size_t most,
                                       const Because& because) {
  std::vector<size_t> order(answers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  most = std::min(most, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<int64_t>(most), order.end(),
      [&](size_t a, size_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  std::vector<RankedAnswer> best;
  for (size_t i = 0; i < most; ++i) {
    best.push_back({answers[order[i]], score[order[i]], because(order[i])});
  }
  return best;
}

}  // namespace gantry
