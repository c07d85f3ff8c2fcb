#include "infer/closed_set.h"

#include <algorithm>
#include <cmath>

#include "base/progress.h"
#include "infer/prompt_prefix.h"
#include "models/decoder_inference.h"
#include "ops/log_sum_exp.h"

namespace gantry {
namespace {

constexpr int64_t kPassTokens = 1536;

// Plans the nodes of the trie behind one prompt and keeps which row of logits is which node.
class CaseScorer {
 public:
  CaseScorer(DecoderInference& engine, const AnswerTrie& trie) : engine_(engine), trie_(trie) {}

  void plan(size_t case_number, Sequence prompt, std::span<const int32_t> rest) {
    const Sequence sequence = engine_.fork(prompt);
    opened_.push_back(sequence);
    engine_.add(sequence, rest, Wanted::kLast);
    rows_.push_back({case_number, AnswerTrie::kRoot});
    branch(case_number, AnswerTrie::kRoot, sequence);
  }

  // Runs what is planned; log p(token | ...) of every edge is added to the answers beneath it.
  void run(std::span<std::vector<double>> edge_log_probability) {
    engine_.run([&](int64_t first, Matrix<const float> logits) {
      for (int64_t r = 0; r < logits.rows; ++r) {
        const auto [case_number, node] = rows_[static_cast<size_t>(first + r)];
        const std::span row(logits.row(r), static_cast<size_t>(logits.cols));
        const double log_sum = summarise_row(row).log_sum_exp;
        const auto edges = trie_.children(node);
        const auto at = static_cast<size_t>(edges.data() - trie_.children(0).data());
        for (size_t e = 0; e < edges.size(); ++e) {
          edge_log_probability[case_number][at + e] =
              static_cast<double>(row[static_cast<size_t>(edges[e].token)]) - log_sum;
        }
      }
    });
    for (Sequence sequence : opened_) engine_.close(sequence);
    opened_.clear();
    rows_.clear();
  }

 private:
  struct Row {
    size_t case_number;
    int32_t node;
  };

  // `sequence` ends at `node`; the last child may go on in it.
  void branch(size_t case_number, int32_t node, Sequence sequence) {
    const auto edges = trie_.children(node);
    int64_t left = std::count_if(edges.begin(), edges.end(),
                                 [](const AnswerTrie::Edge& e) { return !e.is_answer(); });
    for (const AnswerTrie::Edge& edge : edges) {
      if (edge.is_answer()) continue;
      Sequence child = sequence;
      if (--left > 0) opened_.push_back(child = engine_.fork(sequence));
      engine_.add(child, std::span(&edge.token, 1), Wanted::kLast);
      rows_.push_back({case_number, edge.target});
      branch(case_number, edge.target, child);
    }
  }

  DecoderInference& engine_;
  const AnswerTrie& trie_;
  std::vector<Sequence> opened_;
  std::vector<Row> rows_;
};

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
  const SharedPrefix prefix = share_prefix(model, prompts);
  const int64_t pass_tokens = settings.pass_tokens > 0 ? settings.pass_tokens : kPassTokens;
  CaseScorer scorer(engine, answers);
  std::vector<std::vector<double>> edges(prompts.size());
  size_t first = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    edges[i].resize(answers.edges());
    scorer.plan(i, prefix.sequence,
                std::span(prompts[i]).subspan(static_cast<size_t>(prefix.length)));
    if (engine.planned_rows() < pass_tokens && i + 1 < prompts.size()) continue;
    scorer.run(edges);
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
