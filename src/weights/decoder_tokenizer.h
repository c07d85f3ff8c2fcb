// The tokenizer of a causal language model: the files of its folder, else what its GGUF file
// carries in its metadata; and the text of its chat template, which is looked at and never run.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"
#include "text/tokenizer_gguf.h"

namespace gantry {

class DecoderFolder;
class GgufFile;

// Errors E0320 (no tokenizer anywhere), those of Tokenizer::open and open_gguf_tokenizer, and E0330
// when it has more ids than the model has rows.
std::unique_ptr<Tokenizer> open_decoder_tokenizer(const DecoderFolder& base);

// Errors E0443, E0324 (lists of unlike lengths).
GgufVocabulary gguf_vocabulary(const GgufFile& file, const std::string& label);

// tokenizer_config.json's chat_template (of several, the one named "default"), chat_template.jinja,
// or GGUF's tokenizer.chat_template; "" when there is none. For ChatTemplates::detect.
std::string chat_template_text(const DecoderFolder& base);

}  // namespace gantry
