// Byte-pair encoding: neighbouring symbols of a word are merged, the best pair of the whole word
// first, until no pair can be merged (Sennrich et al., ACL 2016). Two rules say which pair is best:
// the place in a list of merges (Hugging Face), or the score of the merged piece (SentencePiece).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

struct BpeOptions {
  std::string unk_token;          // "": unknown characters are left out, as Hugging Face does
  std::string continuing_prefix;  // on each character of a word but the first
  std::string end_of_word_suffix;
  bool fuse_unk = false;       // a run of unknown characters is one token
  bool byte_fallback = false;  // unknown characters become pieces <0x00> ... <0xFF>
  bool ignore_merges = false;  // a word that is in the vocabulary is taken whole
};

// The two halves of each merge, the best first. Error E0324 when a merge names a piece that is not
// in the vocabulary, or makes one.
using Merges = std::vector<std::pair<std::string, std::string>>;
std::unique_ptr<const SubwordModel> make_bpe(Vocabulary vocabulary, const Merges& merges,
                                             BpeOptions options);

// SentencePiece's kinds of pieces, as in sentencepiece_model.proto.
enum class SentencePieceKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// `scores` and `kinds` by id. Each character starts as a symbol; user-defined pieces are symbols
// from the start and never merge. Errors: E0323, E0324 as for Unigram.
std::unique_ptr<const SubwordModel> make_sentencepiece_bpe(Vocabulary vocabulary,
                                                           std::vector<float> scores,
                                                           std::vector<SentencePieceKind> kinds,
                                                           int32_t unk_id, bool byte_fallback);

}  // namespace gantry
