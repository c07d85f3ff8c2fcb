// The decoders of Hugging Face's tokenizers: pieces back into text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

using DecoderPtr = std::unique_ptr<const Decoder>;

DecoderPtr make_decoder_sequence(std::vector<DecoderPtr> steps);
DecoderPtr make_wordpiece_decoder(std::string prefix, bool cleanup);
DecoderPtr make_byte_level_decoder();
// `drop_first`: the first piece loses the replacement it starts with.
DecoderPtr make_metaspace_decoder(std::string replacement, bool drop_first);
DecoderPtr make_replace_decoder(std::string text, std::string content);
DecoderPtr make_regex_replace_decoder(const std::string& pattern, std::string content,
                                      const std::string& where);
DecoderPtr make_fuse_decoder();
DecoderPtr make_byte_fallback_decoder();
DecoderPtr make_strip_decoder(std::string character, size_t start, size_t stop);
DecoderPtr make_bpe_decoder(std::string suffix);

}  // namespace gantry
