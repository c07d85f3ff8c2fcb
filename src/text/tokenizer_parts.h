// The parts a tokenizer is put together from, in the order a text goes through them. Each reader of
// a tokenizer file (tokenizer_json.cc, sentencepiece.cc, bert_vocabulary.cc) makes a
// TokenizerPipeline of them. All parts are immutable: one tokenizer serves many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"
#include "text/vocabulary.h"

namespace gantry {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

// A part of a text: bytes [begin, end). `id` is set when the part is an added token, which the
// following steps leave alone.
struct Piece {
  uint32_t begin, end;
  int32_t id = -1;
};

struct Pieces {
  AlignedText text;
  std::vector<Piece> pieces;

  std::string_view of(const Piece& piece) const {
    return std::string_view(text.text).substr(piece.begin, piece.end - piece.begin);
  }
};

// Cuts pieces into smaller ones (words); some rewrite the text as well.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

struct Token {
  int32_t id;
  uint32_t begin, end;  // bytes of Pieces::text
};

// Turns each piece into tokens of its vocabulary.
class SubwordModel {
 public:
  explicit SubwordModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~SubwordModel() = default;
  virtual std::vector<Token> encode(const Pieces& pieces) const = 0;
  virtual std::string_view kind() const = 0;     // "Unigram"
  virtual int32_t unk_id() const { return -1; }  // -1: none
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

// Turns the pieces of ids back into text: each step rewrites the list, which is joined at the end.
class PieceDecoder {
 public:
  virtual ~PieceDecoder() = default;
  virtual void apply(std::vector<std::string>& pieces) const = 0;
};

// A token that is found in a text before anything else happens to it.
struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;      // left out when ids are decoded
  bool normalized = false;   // looked for in the normalized text
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool single_word = false;  // not within a word
  bool in_text = true;       // off: a control token that no text ever yields
};

// Finds added tokens; leftmost, then longest.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  // Of `tokens`, those whose `normalized` is as asked; content passes through `normalizer` then.
  // Without `specials`, special tokens are left out.
  AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized,
                   const Normalizer* normalizer, bool specials = true);
  // The parts of `text`: added tokens and what stands between them.
  std::vector<Piece> cut(std::string_view text) const;

 private:
  struct Entry {
    std::string content;
    AddedToken token;
  };
  const Entry* at(std::string_view text) const;

  std::vector<Entry> entries_;   // by first byte, then longest first
  std::vector<uint32_t> first_;  // 257: where the entries of a first byte start
};

struct TokenizerPipeline {
  std::vector<AddedToken> added;
  AddedTokenFinder raw_added, normalized_added;
  AddedTokenFinder raw_plain, normalized_plain;       // the same without special tokens
  std::unique_ptr<const Normalizer> normalizer;       // may be null
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<const SubwordModel> model;
  std::vector<int32_t> before, after;           // the specials around a text
  std::unique_ptr<const PieceDecoder> decoder;  // null: pieces joined by spaces
  int32_t begin = -1, end = -1, pad = -1, unk = -1, mask = -1;
  std::string hash, description;

  // Makes the finders and sorts `added` by id; call once when all else is set.
  void finish();
  const AddedToken* added_token(int32_t id) const;
  int32_t vocab_size() const;
};

}  // namespace gantry
