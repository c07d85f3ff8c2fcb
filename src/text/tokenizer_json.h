// Reads a tokenizer.json (Hugging Face `tokenizers`, version 1.0) into a pipeline.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer_parts.h"

namespace gantry {

// `name` stands in errors. Errors E0321 (a component that Gantry does not know, by name), E0322
// (not JSON), E0323 - E0328 (its content): docs/errors/tokenizers.md. The pipeline's begin, end,
// pad and mask are left for the caller, as are hash and description.
TokenizerPipeline read_tokenizer_json(std::string_view json, const std::string& name);

}  // namespace gantry
