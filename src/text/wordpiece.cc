#include "text/wordpiece.h"

#include "base/error.h"
#include "text/unicode.h"

namespace gantry {

namespace {

class WordPiece : public SubwordModel {
 public:
  WordPiece(Vocabulary vocabulary, const WordPieceOptions& options)
      : SubwordModel(std::move(vocabulary)),
        trie_(trie_of(this->vocabulary())),
        unk_(this->vocabulary().id(options.unk_token)),
        max_characters_(options.max_characters) {
    if (unk_ < 0)
      throw Error("E0323",
                  this->vocabulary().where() + ": the unknown token '" + options.unk_token +
                      "' is not in the vocabulary",
                  "The tokenizer files do not belong together: get them again.");
    continuing_ = trie_.root();
    for (char c : options.continuing_prefix)
      can_continue_ = can_continue_ && trie_.step(continuing_, static_cast<unsigned char>(c));
    continuing_.has_value = false;
  }

  std::string_view kind() const override { return "WordPiece"; }
  int32_t unk_id() const override { return unk_; }

  std::vector<Token> encode(const Pieces& pieces) const override {
    std::vector<Token> tokens;
    tokens.reserve(pieces.text.text.size() / 3);
    for (const Piece& piece : pieces.pieces) {
      if (piece.id >= 0)
        tokens.push_back({piece.id, piece.begin, piece.end});
      else
        encode_word(pieces.of(piece), piece, tokens);
    }
    return tokens;
  }

 private:
  void encode_word(std::string_view word, const Piece& piece, std::vector<Token>& tokens) const {
    const size_t before = tokens.size();
    size_t at = 0;
    bool cut = word.size() <= max_characters_ || count_code_points(word) <= max_characters_;
    while (cut && at < word.size()) {
      if (at > 0 && !can_continue_) {
        cut = false;
        break;
      }
      DoubleArray::Place place = at == 0 ? trie_.root() : continuing_;
      size_t best = 0;
      uint32_t id = 0;
      for (size_t i = at; i < word.size() && word[i] != '\0'; ++i) {
        if (!trie_.step(place, static_cast<unsigned char>(word[i]))) break;
        if (!place.has_value) continue;
        best = i + 1;
        id = trie_.value(place);
      }
      cut = best > 0;
      if (!cut) break;
      tokens.push_back({static_cast<int32_t>(id), piece.begin + static_cast<uint32_t>(at),
                        piece.begin + static_cast<uint32_t>(best)});
      at = best;
    }
    if (cut) return;
    tokens.resize(before);
    tokens.push_back({unk_, piece.begin, piece.end});
  }

  DoubleArray trie_;
  DoubleArray::Place continuing_;
  bool can_continue_ = true;
  int32_t unk_;
  size_t max_characters_;
};

class WordLevel : public SubwordModel {
 public:
  WordLevel(Vocabulary vocabulary, const std::string& unk_token)
      : SubwordModel(std::move(vocabulary)), unk_(this->vocabulary().id(unk_token)) {}

  std::string_view kind() const override { return "WordLevel"; }
  int32_t unk_id() const override { return unk_; }

  std::vector<Token> encode(const Pieces& pieces) const override {
    std::vector<Token> tokens;
    for (const Piece& piece : pieces.pieces) {
      int32_t id = piece.id >= 0 ? piece.id : vocabulary().id(pieces.of(piece));
      if (id < 0) id = unk_;
      if (id >= 0) tokens.push_back({id, piece.begin, piece.end});
    }
    return tokens;
  }

 private:
  int32_t unk_;
};

}  // namespace

DoubleArray trie_of(const Vocabulary& vocabulary) {
  std::vector<DoubleArray::Key> keys;
  keys.reserve(vocabulary.count());
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view piece = vocabulary.piece(id);
    if (piece.empty()) continue;
    if (piece.find('\0') != std::string_view::npos)
      throw Error("E0324",
                  vocabulary.where() + ": the piece of id " + std::to_string(id) + " holds U+0000",
                  "The vocabulary is damaged: get the tokenizer file again.");
    keys.emplace_back(piece, static_cast<uint32_t>(id));
  }
  return DoubleArray::build(std::move(keys));
}

std::unique_ptr<const SubwordModel> make_wordpiece(Vocabulary vocabulary,
                                                   WordPieceOptions options) {
  return std::make_unique<WordPiece>(std::move(vocabulary), options);
}

std::unique_ptr<const SubwordModel> make_word_level(Vocabulary vocabulary, std::string unk_token) {
  return std::make_unique<WordLevel>(std::move(vocabulary), unk_token);
}

}  // namespace gantry
