// Reads a SentencePiece model file (sentencepiece_model.proto) of kind Unigram or BPE into a
// pipeline that gives the ids of the sentencepiece library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/tokenizer_parts.h"

namespace gantry {

enum class SentencePieceIds {
  kOwn,   // the places of the pieces in the file
  kXlmR,  // fairseq's: <s> 0, <pad> 1, </s> 2, <unk> 3, then each piece one higher, <mask> last
};

struct SentencePieceSpecials {
  int32_t bos = -1, eos = -1, pad = -1, unk = -1;
};

struct SentencePiecePiece {
  std::string text;
  float score = 0;
  SentencePieceKind kind = SentencePieceKind::kNormal;
};

// sentencepiece_model.proto, as far as encoding needs it. Defaults are the file format's.
struct SentencePieceModel {
  enum Type : uint64_t { kUnigram = 1, kBpe = 2 };
  std::vector<SentencePiecePiece> pieces;
  uint64_t type = kUnigram;
  bool byte_fallback = false, suffix_space = false;
  std::string bos = "<s>", eos = "</s>", pad = "<pad>";
  std::string charsmap;
  bool dummy_prefix = true, remove_extra_spaces = true, escape_spaces = true;
};

// Errors E0321, E0323, E0326.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& name);

// The pipeline of a model, wherever it was read from.
TokenizerPipeline make_sentencepiece(const SentencePieceModel& model, const std::string& name,
                                     SentencePieceIds ids,
                                     SentencePieceSpecials* specials = nullptr);

// Both in one. Sets normalizer, model, decoder and, for XLM-R's ids, the added tokens and the
// specials around a text; otherwise `specials`, where given, holds the model's own. Errors: E0321
// (a kind or an option that Gantry does not know), E0323, E0324, E0326.
TokenizerPipeline read_sentencepiece(std::string_view bytes, const std::string& name,
                                     SentencePieceIds ids,
                                     SentencePieceSpecials* specials = nullptr);

}  // namespace gantry
