#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "text/unicode.h"
#include "text/wordpiece.h"

namespace gantry {

namespace {

constexpr double kUnknownPenalty = 10.0;  // below the lowest score, as in SentencePiece
constexpr float kResetAt = 1e5f;

template <typename Score>
class Unigram : public SubwordModel {
 public:
  Unigram(Vocabulary vocabulary, const std::vector<double>& scores,
          const std::vector<UnigramPiece>& kinds, UnigramOptions options)
      : SubwordModel(std::move(vocabulary)),
        kinds_(kinds),
        unk_(options.unk_id),
        bytes_(options.byte_fallback ? byte_pieces(this->vocabulary()) : std::vector<int32_t>()) {
    check(scores);
    scores_.assign(scores.begin(), scores.end());
    Score lowest = std::numeric_limits<Score>::max();
    for (int32_t id = 0; id < this->vocabulary().size(); ++id) {
      if (!this->vocabulary().has(id)) continue;
      if (!kinds_.empty() && kinds_[size_t(id)] != UnigramPiece::kNormal) continue;
      lowest = std::min(lowest, scores_[static_cast<size_t>(id)]);
    }
    unk_score_ = static_cast<Score>(lowest - kUnknownPenalty);
    trie_ = trie();
  }

  std::string_view kind() const override { return "Unigram"; }
  int32_t unk_id() const override { return unk_; }

  std::vector<Token> encode(const Pieces& pieces) const override {
    std::vector<Token> tokens;
    tokens.reserve(pieces.text.text.size() / 3);
    std::vector<Node> nodes;
    for (const Piece& piece : pieces.pieces) {
      if (piece.id >= 0)
        tokens.push_back({piece.id, piece.begin, piece.end});
      else
        encode_word(pieces.of(piece), piece.begin, nodes, tokens);
    }
    return tokens;
  }

 private:
  static constexpr uint32_t kUnreached = UINT32_MAX;
  // The best way to a place in the text: where its last piece starts, and which it is.
  struct Node {
    Score score = 0;
    uint32_t start = kUnreached;
    int32_t id = -1;
  };

  void check(const std::vector<double>& scores) const {
    const auto bad = [&](const char* code, const std::string& what) {
      throw Error(code, vocabulary().where() + ": " + what,
                  "The tokenizer file is damaged: get it again.");
    };
    GANTRY_CHECK(scores.size() == static_cast<size_t>(vocabulary().size()));
    GANTRY_CHECK(kinds_.empty() || kinds_.size() == scores.size());
    if (vocabulary().count() == 0) bad("E0323", "the vocabulary is empty");
    if (unk_ >= 0 && !vocabulary().has(unk_))
      bad("E0323", "the unknown piece's id " + std::to_string(unk_) +
                       " is outside the vocabulary of " + std::to_string(scores.size()));
    for (size_t id = 0; id < scores.size(); ++id)
      if (!std::isfinite(scores[id]) || std::abs(scores[id]) > 1e9)
        bad("E0324", "the score of id " + std::to_string(id) + " is not a sane number");
  }

  DoubleArray trie() const {
    if (kinds_.empty()) return trie_of(vocabulary());
    Vocabulary matched(vocabulary().where());
    for (int32_t id = 0; id < vocabulary().size(); ++id)
      if (vocabulary().has(id) && kinds_[size_t(id)] != UnigramPiece::kNeverMatched)
        matched.add(vocabulary().piece(id), id);
    return trie_of(matched);
  }

  Score score_of(uint32_t id, size_t length) const {
    // SentencePiece's rule: a user-defined piece beats any other way through its characters.
    if (!kinds_.empty() && kinds_[id] == UnigramPiece::kUserDefined)
      return static_cast<Score>(0.1 * static_cast<double>(length - 1));
    return scores_[id];
  }

  // SentencePiece (since 0.2.2) sets the scores of a long text back before a float gets too coarse.
  // Returns the score of the node at `at` afterwards.
  static Score reset(std::vector<Node>& nodes, size_t at, size_t frontier) {
    const Score here = nodes[at].score;
    if (!std::is_same_v<Score, float> || std::abs(here) <= kResetAt) return here;
    for (size_t i = at; i <= frontier; ++i)
      if (i == at || nodes[i].start != kUnreached) nodes[i].score -= here;
    return 0;
  }

  void encode_word(std::string_view word, uint32_t base, std::vector<Node>& nodes,
                   std::vector<Token>& tokens) const {
    nodes.assign(word.size() + 1, {});
    size_t frontier = 0;  // the furthest node reached
    for (size_t at = 0; at < word.size();) {
      const Score here = reset(nodes, at, frontier);
      const size_t character = utf8_length(word[at]);
      bool single = false;
      const auto offer = [&](size_t end, Score score, int32_t id) {
        Node& node = nodes[end];
        frontier = std::max(frontier, end);
        if (node.start == kUnreached || score > node.score)
          node = {score, static_cast<uint32_t>(at), id};
      };
      trie_.prefixes(word.substr(at), [&](size_t length, uint32_t id) {
        offer(at + length, score_of(id, length) + here, static_cast<int32_t>(id));
        single = single || length == character;
      });
      if (!single) offer(at + character, unk_score_ + here, kUnknown);
      at += character;
    }
    collect(word, base, nodes, tokens);
  }

  // The best path, from its end; runs of unknown characters in one.
  void collect(std::string_view word, uint32_t base, const std::vector<Node>& nodes,
               std::vector<Token>& tokens) const {
    const size_t before = tokens.size();
    for (auto end = static_cast<uint32_t>(word.size()); end > 0;) {
      const Node& node = nodes[end];
      const bool unknown = node.id == kUnknown || node.id == unk_;
      if (unknown && tokens.size() > before && tokens.back().id == kUnknown)
        tokens.back().begin = base + node.start;
      else
        tokens.push_back({unknown ? kUnknown : node.id, base + node.start, base + end});
      end = node.start;
    }
    std::reverse(tokens.begin() + static_cast<ptrdiff_t>(before), tokens.end());
    resolve_unknown(word, base, before, tokens);
  }

  // Unknown runs become bytes, the unknown piece, or an error.
  void resolve_unknown(std::string_view word, uint32_t base, size_t before,
                       std::vector<Token>& tokens) const {
    const auto unknown = [](const Token& token) { return token.id == kUnknown; };
    const auto first = tokens.begin() + static_cast<ptrdiff_t>(before);
    if (std::none_of(first, tokens.end(), unknown)) return;
    std::vector<Token> resolved;
    for (auto it = first; it != tokens.end(); ++it) {
      if (!unknown(*it)) {
        resolved.push_back(*it);
      } else if (!bytes_.empty()) {
        for (uint32_t i = it->begin; i < it->end; ++i)
          resolved.push_back({bytes_[static_cast<unsigned char>(word[i - base])], i, i + 1});
      } else if (unk_ >= 0) {
        resolved.push_back({unk_, it->begin, it->end});
      } else {
        throw Error("E0329",
                    vocabulary().where() + ": it has no unknown piece, and no piece for '" +
                        std::string(word.substr(it->begin - base, 40)) + "'",
                    "Remove these characters from the text, or use another base model.");
      }
    }
    tokens.erase(first, tokens.end());
    tokens.insert(tokens.end(), resolved.begin(), resolved.end());
  }

  static constexpr int32_t kUnknown = -1;

  std::vector<UnigramPiece> kinds_;
  std::vector<Score> scores_;
  Score unk_score_ = 0;
  int32_t unk_;
  std::vector<int32_t> bytes_;
  DoubleArray trie_;
};

}  // namespace

std::unique_ptr<const SubwordModel> make_unigram(Vocabulary vocabulary, std::vector<double> scores,
                                                 std::vector<UnigramPiece> kinds,
                                                 UnigramOptions options) {
  if (options.single_precision)
    return std::make_unique<Unigram<float>>(std::move(vocabulary), scores, kinds, options);
  return std::make_unique<Unigram<double>>(std::move(vocabulary), scores, kinds, options);
}

std::vector<int32_t> byte_pieces(const Vocabulary& vocabulary) {
  std::vector<int32_t> ids;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    const int32_t id = vocabulary.id(name);
    if (id < 0) return {};
    ids.push_back(id);
  }
  return ids;
}

}  // namespace gantry
