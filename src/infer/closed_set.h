// Closed sets: every answer of a short list scored as a whole, nothing sampled.
//
//   AnswerTrie labels = AnswerTrie::compile(model.tokenizer(), model.end_id(), {"IMRT", "SRT"});
//   std::vector<ClosedSetScores> scores = score_closed_set(model, prompts, labels);
//
// log p(answer | prompt) = sum over its tokens and the end token of log softmax(logits)[token];
// probability = p(answer) / sum of p over the list: exact, and sums to one. All answers of many
// cases are scored in packed passes: what prompts share is computed once, the answers of a case are
// branches behind its prompt, and answers that begin alike share those tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/answer_trie.h"
#include "infer/language_model.h"

namespace gantry {

struct ClosedSetScores {
  std::vector<double> log_probability;  // [answers], natural logarithm, of the whole answer
  std::vector<double> probability;      // [answers], sums to one
  size_t best() const;                  // the most probable; of equals the first
};

struct ClosedSetSettings {
  // Divides log_probability before the softmax over the list (calibration on the tuning set).
  double temperature = 1;
  int64_t pass_tokens = 0;  // tokens of one packed pass; 0: chosen
  // Told after each pass: cases done so far.
  std::function<void(size_t done)> progress;
};

// One result a prompt, in order. Error E0763 (a prompt that does not leave room for the longest
// answer in the context, is empty, or has an id outside the vocabulary).
std::vector<ClosedSetScores> score_closed_set(LanguageModel& model,
                                              std::span<const std::vector<int32_t>> prompts,
                                              const AnswerTrie& answers,
                                              const ClosedSetSettings& settings = {});

// softmax(log_probability / temperature).
std::vector<double> answer_probabilities(std::span<const double> log_probability,
                                         double temperature = 1);

}  // namespace gantry
