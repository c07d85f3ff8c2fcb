// Reads a SentencePiece model file (sentencepiece_model.proto) of kind Unigram or BPE into a
// pipeline that gives the ids of the sentencepiece library.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer_parts.h"

namespace gantry {

enum class SentencePieceIds {
  kOwn,   // the places of the pieces in the file
  kXlmR,  // fairseq's: <s> 0, <pad> 1, </s> 2, <unk> 3, then each piece one higher, <mask> last
};

struct SentencePieceSpecials {
  int32_t bos = -1, eos = -1, pad = -1, unk = -1;
};

// Sets normalizer, model, decoder and, for XLM-R's ids, the added tokens and the specials around a
// text; otherwise `specials`, where given, holds the model's own. Errors: E0321 (a kind or an
// option that Gantry does not know), E0323, E0324, E0326.
TokenizerPipeline read_sentencepiece(std::string_view bytes, const std::string& name,
                                     SentencePieceIds ids,
                                     SentencePieceSpecials* specials = nullptr);

}  // namespace gantry
