#include "infer/closed_set.h"

#include <algorithm>
#include <cmath>

#include "base/progress.h"
#include "infer/trie_pass.h"

namespace gantry {
namespace {

constexpr int64_t kSetPassTokens = 1536;

void sum_along(const AnswerTrie& trie, int32_t node, double so_far,
               std::span<const double> edge_log_probability, std::vector<double>& answers) {
  const AnswerTrie::Edge* first = trie.children(0).data();
  for (const AnswerTrie::Edge& edge : trie.children(node)) {
    const double sum = so_far + edge_log_probability[static_cast<size_t>(&edge - first)];
    if (edge.is_answer()) {
      answers[static_cast<size_t>(edge.answer())] = sum;
    } else {
      sum_along(trie, edge.target, sum, edge_log_probability, answers);
    }
  }
}

}  // namespace

size_t ClosedSetScores::best() const {
  return static_cast<size_t>(std::max_element(probability.begin(), probability.end()) -
                             probability.begin());
}

std::vector<double> answer_probabilities(std::span<const double> log_probability,
                                         double temperature) {
  const double top = *std::max_element(log_probability.begin(), log_probability.end());
  std::vector<double> p;
  double sum = 0;
  for (double x : log_probability) {
    p.push_back(std::exp((x - top) / temperature));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  return p;
}

std::vector<ClosedSetScores> score_closed_set(LanguageModel& model,
                                              std::span<const std::vector<int32_t>> prompts,
                                              const AnswerTrie& answers,
                                              const ClosedSetSettings& settings) {
  std::vector<ClosedSetScores> results(prompts.size());
  if (prompts.empty()) return results;
  check_prompts(model, prompts, answers.longest());
  EngineGuard guard(model);
  DecoderInference& engine = model.engine();
  PromptStarts starts(model, prompts);
  const int64_t pass_tokens = settings.pass_tokens > 0 ? settings.pass_tokens : kSetPassTokens;
  TriePass pass(engine, answers, starts);
  std::vector<std::vector<double>> edges(prompts.size());
  const auto keep_edges = [&](size_t prompt, int32_t node, const std::vector<double>& values) {
    const auto at = answers.children(node).data() - answers.children(AnswerTrie::kRoot).data();
    std::copy(values.begin(), values.end(), edges[prompt].begin() + at);
  };
  const auto keep_prompt = [&](size_t prompt, Sequence sequence) {
    starts.keep(prompt, sequence);
    engine.close(sequence);
  };
  size_t first = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    edges[i].resize(answers.edges());
    pass.plan(i, nullptr);
    if (engine.planned_rows() < pass_tokens && i + 1 < prompts.size()) continue;
    pass.run(keep_edges, keep_prompt);
    for (; first <= i; ++first) {
      ClosedSetScores& result = results[first];
      result.log_probability.resize(answers.size());
      sum_along(answers, AnswerTrie::kRoot, 0, edges[first], result.log_probability);
      result.probability = answer_probabilities(result.log_probability, settings.temperature);
      edges[first] = {};
    }
    if (settings.progress) settings.progress(first);
    throw_if_interrupted("The cases so far are not kept.");
  }
  return results;
}

}  // namespace gantry
