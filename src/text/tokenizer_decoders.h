// The decoders of Hugging Face's tokenizers: pieces back into text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

using PieceDecoderPtr = std::unique_ptr<const PieceDecoder>;

PieceDecoderPtr make_decoder_sequence(std::vector<PieceDecoderPtr> steps);
PieceDecoderPtr make_wordpiece_decoder(std::string prefix, bool cleanup);
PieceDecoderPtr make_byte_level_decoder();
// `drop_first`: the first piece loses the replacement it starts with.
PieceDecoderPtr make_metaspace_decoder(std::string replacement, bool drop_first);
PieceDecoderPtr make_replace_decoder(std::string text, std::string content);
PieceDecoderPtr make_regex_replace_decoder(const std::string& pattern, std::string content,
                                           const std::string& where);
PieceDecoderPtr make_fuse_decoder();
PieceDecoderPtr make_byte_fallback_decoder();
PieceDecoderPtr make_strip_decoder(std::string character, size_t start, size_t stop);
PieceDecoderPtr make_bpe_decoder(std::string suffix);

}  // namespace gantry
