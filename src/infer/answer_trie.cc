#include "infer/answer_trie.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/error.h"
#include "base/strings.h"
#include "base/threads.h"

namespace gantry {
namespace {

// Why a list cannot be spelled; the first in the list's order is told, whatever the threads.
struct Complaint {
  size_t answer = SIZE_MAX;
  std::string what;
  void note(size_t index, std::string text) {
    if (index < answer) {
      answer = index;
      what = std::move(text);
    }
  }
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error("E0766", what,
              "Leave the answer out of the list, write it otherwise, or take a model whose "
              "tokenizer can spell it.");
}

// Why `ids`, the end token last, is no spelling of `answer`; "" where it is one.
std::string spelling_fault(const Tokenizer& tokenizer, std::string_view answer,
                           std::span<const int32_t> ids) {
  if (ids.size() < 2) return "has no tokens";
  const auto body = ids.first(ids.size() - 1);
  if (std::find(body.begin(), body.end(), ids.back()) != body.end())
    return "holds the end token in its spelling";
  if (tokenizer.unk_id() >= 0 &&
      std::find(body.begin(), body.end(), tokenizer.unk_id()) != body.end())
    return "has a character that the tokenizer does not know";
  const std::string back = tokenizer.decode(body);
  if (back != answer && trim(back) != trim(answer))
    return "is read back from its tokens as '" + back + "'";
  return {};
}

void check_list(const std::vector<std::string>& answers) {
  if (answers.empty())
    throw Error("E0765", "the list of answers is empty", "Give it at least one answer.");
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (trim(answers[i]).empty())
      throw Error("E0765", "answer " + std::to_string(i + 1) + " of the list is empty",
                  "Take it out.");
    if (!seen.insert(answers[i]).second)
      throw Error("E0765", "'" + answers[i] + "' stands twice in the list of answers",
                  "Take one of them out.");
  }
}

}  // namespace

AnswerTrie AnswerTrie::compile(const Tokenizer& tokenizer, int32_t end_id,
                               std::vector<std::string> answers) {
  const Spell spell = [&](std::string_view answer) {
    std::vector<int32_t> ids = tokenizer.encode(answer).ids;
    ids.push_back(end_id);
    return ids;
  };
  return compile(tokenizer, spell, std::move(answers));
}

AnswerTrie AnswerTrie::compile(const Tokenizer& tokenizer, const Spell& spell,
                               std::vector<std::string> answers) {
  check_list(answers);
  const auto count = static_cast<int64_t>(answers.size());
  std::vector<std::vector<int32_t>> ids(answers.size());
  std::vector<Complaint> complaints(static_cast<size_t>(thread_count()));
  const int64_t shares = thread_count();
  parallel_for(shares, 1, [&](int64_t first, int64_t last) {
    for (int64_t share = first; share < last; ++share) {
      for (int64_t i = count * share / shares; i < count * (share + 1) / shares; ++i) {
        const auto at = static_cast<size_t>(i);
        ids[at] = spell(answers[at]);
        std::string fault = spelling_fault(tokenizer, answers[at], ids[at]);
        if (!fault.empty()) complaints[static_cast<size_t>(share)].note(at, std::move(fault));
      }
    }
  });
  for (const Complaint& c : complaints) {  // shares are in the list's order
    if (c.answer != SIZE_MAX) refuse("'" + answers[c.answer] + "' " + c.what);
  }

  AnswerTrie trie;
  trie.answers_ = std::move(answers);
  trie.end_id_ = ids.front().back();
  trie.token_begin_.push_back(0);
  for (const auto& spelled : ids) {
    if (spelled.back() != trie.end_id_) refuse("answers of one list end with different tokens");
    trie.tokens_.insert(trie.tokens_.end(), spelled.begin(), spelled.end());
    trie.token_begin_.push_back(static_cast<int64_t>(trie.tokens_.size()));
    trie.longest_ = std::max(trie.longest_, static_cast<int64_t>(spelled.size()));
  }
  trie.build(ids);
  return trie;
}

// Answers in the order of their tokens; a node is a range of them that begin alike, and its
// children are the ranges that go on alike. Nodes are numbered level by level.
void AnswerTrie::build(const std::vector<std::vector<int32_t>>& ids) {
  std::vector<int32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
  });
  struct Range {
    size_t begin, end, depth;
  };
  std::vector<Range> nodes = {{0, order.size(), 0}};
  first_edge_.push_back(0);
  for (size_t n = 0; n < nodes.size(); ++n) {
    const Range node = nodes[n];
    const auto token_at = [&](size_t i) { return ids[static_cast<size_t>(order[i])][node.depth]; };
    for (size_t i = node.begin; i < node.end;) {
      const int32_t token = token_at(i);
      size_t last = i + 1;
      while (last < node.end && token_at(last) == token) ++last;
      if (token == end_id_) {
        if (last - i > 1)
          refuse("'" + answers_[static_cast<size_t>(order[i])] + "' and '" +
                 answers_[static_cast<size_t>(order[i + 1])] + "' are spelled by the same tokens");
        edges_.push_back({token, -1 - order[i]});
      } else {
        edges_.push_back({token, static_cast<int32_t>(nodes.size())});
        nodes.push_back({i, last, node.depth + 1});
      }
      i = last;
    }
    first_edge_.push_back(static_cast<uint32_t>(edges_.size()));
  }
}

std::span<const int32_t> AnswerTrie::tokens(size_t index) const {
  const auto begin = static_cast<size_t>(token_begin_[index]);
  const auto end = static_cast<size_t>(token_begin_[index + 1]);
  return std::span(tokens_).subspan(begin, end - begin - 1);
}

const AnswerTrie::Edge* AnswerTrie::child(int32_t node, int32_t token) const {
  const auto edges = children(node);
  const auto it = std::lower_bound(edges.begin(), edges.end(), token,
                                   [](const Edge& e, int32_t t) { return e.token < t; });
  return it != edges.end() && it->token == token ? &*it : nullptr;
}

int64_t AnswerTrie::bytes() const {
  return static_cast<int64_t>(tokens_.size() * 4 + token_begin_.size() * 8 +
                              first_edge_.size() * 4 + edges_.size() * sizeof(Edge));
}

}  // namespace gantry
