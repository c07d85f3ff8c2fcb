// Unigram (SentencePiece, XLM-R): of all ways to cut a text into pieces the one with the highest
// sum of scores (Kudo, "Subword Regularization", ACL 2018), found by Viterbi over the pieces' trie.
#pragma once

#include <memory>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

struct UnigramOptions {
  int32_t unk_id = -1;         // -1: the model has no unknown piece
  bool byte_fallback = false;  // unknown characters become pieces <0x00> ... <0xFF>
  // Scores are summed in double (Hugging Face) or float (SentencePiece): a near tie may depend on
  // it.
  bool single_precision = false;
};

// What SentencePiece knows about a piece beside its score.
enum class UnigramPiece : uint8_t { kNormal, kUserDefined, kNeverMatched };

// `scores` by id, one for each id up to vocabulary.size(). `kinds` by id, or empty: all normal.
// Unknown runs become one token. Errors: E0323 (unk_id outside the vocabulary), E0324 (a score that
// is not a finite number).
std::unique_ptr<const SubwordModel> make_unigram(Vocabulary vocabulary, std::vector<double> scores,
                                                 std::vector<UnigramPiece> kinds,
                                                 UnigramOptions options);

// The ids of <0x00> ... <0xFF>, or empty when one is missing.
std::vector<int32_t> byte_pieces(const Vocabulary& vocabulary);

}  // namespace gantry
