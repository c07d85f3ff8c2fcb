// TriePass: nodes of an answer trie behind many prompts, computed together. A prompt's rest and the
// nodes beneath it are planned; a pass gives log p(token | prompt and node) of every edge of each
// of them. Answers that begin alike share those tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_set>
#include <vector>

#include "infer/answer_trie.h"
#include "infer/prompt_prefix.h"
#include "models/decoder_inference.h"

namespace gantry {

// log p of each edge of `node` from the row of logits at it; natural logarithm.
void edge_log_probabilities(const AnswerTrie& trie, int32_t node, std::span<const float> logits,
                            std::vector<double>& out);

class TriePass {
 public:
  // All must outlive this.
  TriePass(DecoderInference& engine, const AnswerTrie& trie, PromptStarts& starts)
      : engine_(engine), trie_(trie), starts_(starts) {}

  // Begins prompt number `prompt` and plans it, its root and the nodes beneath it: those of `only`,
  // or all. `only` holds no node without the one above it.
  void plan(size_t prompt, const std::unordered_set<int32_t>* only);

  // Runs what is planned and closes what was opened for it, but for the prompts themselves, each
  // of which goes to `after` with the sequence that ends where it does; the caller closes it.
  using Sink = std::function<void(size_t prompt, int32_t node, std::vector<double> edges)>;
  using After = std::function<void(size_t prompt, Sequence sequence)>;
  void run(const Sink& sink, const After& after);

 private:
  struct Row {
    size_t prompt;
    int32_t node;
  };
  void branch(size_t prompt, int32_t node, Sequence sequence,
              const std::unordered_set<int32_t>* only);

  DecoderInference& engine_;
  const AnswerTrie& trie_;
  PromptStarts& starts_;
  std::vector<Sequence> opened_;
  std::vector<std::pair<size_t, Sequence>> prompts_;
  std::vector<Row> rows_;
};

}  // namespace gantry
