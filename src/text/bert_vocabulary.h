// Reads vocab.txt (one piece a line, the line is its id) with the settings of
// tokenizer_config.json: BERT, and the Japanese BERTs that cut words by MeCab.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "text/tokenizer_parts.h"

namespace gantry {

// `config` is tokenizer_config.json (an empty object where there is none); `settings` gets in words
// what of it bears on the ids, for the hash. Errors: E0321 (another word or subword tokenizer),
// E0323 (no unknown token, no [CLS] or [SEP]), E0331 and E0332 (MeCab's dictionary).
TokenizerPipeline read_bert_vocabulary(std::string_view vocab, const std::string& name,
                                       const nlohmann::json& config,
                                       const std::filesystem::path& model_folder,
                                       std::string* settings);

}  // namespace gantry
