// AnswerTrie: a list of answers (labels, codes) as a trie of token ids. Nothing that is not in the
// list can be spelled along its edges.
//
//   AnswerTrie codes = AnswerTrie::compile(model.tokenizer(), model.end_id(), list);
//   for (const AnswerTrie::Edge& edge : codes.children(AnswerTrie::kRoot)) ...
//
// An answer is its tokens followed by the end token, so that "C50" and "C50.1" are two answers.
// Each is spelled as the tokenizer encodes it on its own (a leading space belongs to the string).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gantry {

class AnswerTrie {
 public:
  static constexpr int32_t kRoot = 0;
  struct Edge {
    int32_t token;
    int32_t target;  // a node, or, below 0, answer number -1 - target (token is the end token)
    bool is_answer() const { return target < 0; }
    int32_t answer() const { return -1 - target; }
  };

  // Errors: E0765 an empty list, an empty answer or the same answer twice; E0766 an answer that the
  // tokenizer cannot spell (unknown token, or decoding does not give the answer back), or whose
  // spelling is that of another answer or holds the end token.
  static AnswerTrie compile(const Tokenizer& tokenizer, int32_t end_id,
                            std::vector<std::string> answers);
  // The same with a spelling of one's own, the end token last, as a chat template's answer() gives
  // it. It is called by several threads.
  using Spell = std::function<std::vector<int32_t>(std::string_view answer)>;
  static AnswerTrie compile(const Tokenizer& tokenizer, const Spell& spell,
                            std::vector<std::string> answers);

  size_t size() const { return answers_.size(); }  // answers
  const std::string& answer(size_t index) const { return answers_[index]; }
  const std::vector<std::string>& answers() const { return answers_; }
  // The tokens of an answer without the end token.
  std::span<const int32_t> tokens(size_t index) const;
  int32_t end_id() const { return end_id_; }

  size_t edges() const { return edges_.size(); }  // of all nodes, those of node 0 first
  int32_t nodes() const { return static_cast<int32_t>(first_edge_.size()) - 1; }
  std::span<const Edge> children(int32_t node) const {  // by token
    return {edges_.data() + first_edge_[static_cast<size_t>(node)],
            edges_.data() + first_edge_[static_cast<size_t>(node) + 1]};
  }
  // The edge of a token, or null.
  const Edge* child(int32_t node, int32_t token) const;
  int64_t longest() const { return longest_; }  // tokens of the longest answer, with its end
  int64_t bytes() const;

 private:
  void build(const std::vector<std::vector<int32_t>>& ids);

  std::vector<std::string> answers_;
  std::vector<int32_t> tokens_;       // of all answers
  std::vector<int64_t> token_begin_;  // [answers + 1]
  std::vector<uint32_t> first_edge_;  // [nodes + 1]
  std::vector<Edge> edges_;
  int32_t end_id_ = -1;
  int64_t longest_ = 0;
};

}  // namespace gantry
