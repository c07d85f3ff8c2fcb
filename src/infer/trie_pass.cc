#include "infer/trie_pass.h"

#include <algorithm>

#include "ops/log_sum_exp.h"

namespace gantry {

void edge_log_probabilities(const AnswerTrie& trie, int32_t node, std::span<const float> logits,
                            std::vector<double>& out) {
  const double log_sum = summarise_row(logits).log_sum_exp;
  out.clear();
  for (const AnswerTrie::Edge& edge : trie.children(node))
    out.push_back(static_cast<double>(logits[static_cast<size_t>(edge.token)]) - log_sum);
}

void TriePass::plan(size_t prompt, const std::unordered_set<int32_t>* only) {
  const Sequence sequence = starts_.begin(prompt);
  prompts_.emplace_back(prompt, sequence);
  engine_.add(sequence, starts_.rest(prompt), Wanted::kLast);
  rows_.push_back({prompt, AnswerTrie::kRoot});
  branch(prompt, AnswerTrie::kRoot, sequence, only);
}

// `sequence` ends at `node`; the last child may go on in it, but in the prompt's own.
void TriePass::branch(size_t prompt, int32_t node, Sequence sequence,
                      const std::unordered_set<int32_t>* only) {
  std::vector<AnswerTrie::Edge> followed;
  for (const AnswerTrie::Edge& edge : trie_.children(node))
    if (!edge.is_answer() && (only == nullptr || only->count(edge.target) > 0))
      followed.push_back(edge);
  for (size_t i = 0; i < followed.size(); ++i) {
    Sequence child = sequence;
    if (i + 1 < followed.size() || node == AnswerTrie::kRoot)
      opened_.push_back(child = engine_.fork(sequence));
    engine_.add(child, std::span(&followed[i].token, 1), Wanted::kLast);
    rows_.push_back({prompt, followed[i].target});
    branch(prompt, followed[i].target, child, only);
  }
}

void TriePass::run(const Sink& sink, const After& after) {
  std::vector<double> edges;
  engine_.run([&](int64_t first, Matrix<const float> logits) {
    for (int64_t r = 0; r < logits.rows; ++r) {
      const auto [prompt, node] = rows_[static_cast<size_t>(first + r)];
      edge_log_probabilities(trie_, node,
                             std::span(logits.row(r), static_cast<size_t>(logits.cols)), edges);
      sink(prompt, node, edges);
    }
  });
  for (Sequence sequence : opened_) engine_.close(sequence);
  opened_.clear();
  rows_.clear();
  for (const auto& [prompt, sequence] : prompts_) after(prompt, sequence);
  prompts_.clear();
}

}  // namespace gantry
