// WordPiece (BERT): each word is cut into the longest pieces from its left, the later ones marked
// by a prefix ("##"); a word that cannot be cut so is one unknown token. And WordLevel: a word is a
// token or unknown.
#pragma once

#include <memory>
#include <string>

#include "text/double_array.h"
#include "text/tokenizer_parts.h"

namespace gantry {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_prefix = "##";
  size_t max_characters = 100;  // a longer word is unknown
};

// Error E0323 when the unknown token is not in the vocabulary.
std::unique_ptr<const SubwordModel> make_wordpiece(Vocabulary vocabulary, WordPieceOptions options);

// Without an unknown token (unk_token empty) unknown words are left out, as Hugging Face does.
std::unique_ptr<const SubwordModel> make_word_level(Vocabulary vocabulary, std::string unk_token);

// The pieces of a vocabulary as a trie whose values are ids. Error E0324 for a piece with U+0000.
// An empty piece can never be found and is left out.
DoubleArray trie_of(const Vocabulary& vocabulary);

}  // namespace gantry
