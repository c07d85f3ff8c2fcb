// Constrained decoding: the best answers of a long list (75,000 codes) for each prompt, by beam
// search along the list's token trie. Nothing outside the list can come out.
//
//   AnswerTrie codes = AnswerTrie::compile(model.tokenizer(), model.end_id(), list);
//   for (const ScoredAnswers& r : rank_answers(model, prompts, codes, {.beams = 8, .top = 5}))
//     use(codes.answer(r.answers.front().index));
//
// Answers are ranked by the model's own log-probability of the whole answer (closed_set.h).
// probability is the answer's share of the list's probability. Beams that were dropped have a known
// prefix probability, which bounds what they could still have held; so each share has a lower and
// an upper bound, equal where nothing was dropped: a beam as wide as the list gives exactly the
// probabilities of closed_set.h. `probability` is the lower bound: it never flatters.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/answer_trie.h"
#include "infer/language_model.h"

namespace gantry {

struct ScoredAnswer {
  int32_t index = 0;  // in the trie's list
  double log_probability = 0;
  double probability = 0;        // lower bound of the share of the list
  double probability_upper = 0;  // upper bound
};

struct ScoredAnswers {
  std::vector<ScoredAnswer> answers;  // best first, at most settings.top
  double dropped = 0;        // upper bound of the list's probability mass on answers not followed
  bool exact = false;        // nothing was dropped
  std::vector<double> also;  // log-probabilities of settings.also's answers for this prompt
};

struct RankSettings {
  int beams = 8;      // prefixes kept at each length
  size_t top = 5;     // answers returned
  int64_t batch = 0;  // prompts decoded at once; 0: chosen
  // [prompts] or empty: answers of the trie that are scored whatever the search finds, exactly.
  // They are branches of one pass behind the prompt, of which the search makes use.
  std::span<const std::vector<int32_t>> also;
  std::function<void(size_t done)> progress;
};

// One result a prompt, in order. Errors E0763 (see closed_set.h), E0764 (beams or top below 1).
std::vector<ScoredAnswers> rank_answers(LanguageModel& model,
                                        std::span<const std::vector<int32_t>> prompts,
                                        const AnswerTrie& answers, const RankSettings& settings);

}  // namespace gantry
