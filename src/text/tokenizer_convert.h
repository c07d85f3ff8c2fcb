// Tokenizers carried from one kind of file to another: a GGUF's lists into the files of a Hugging
// Face folder, and those into a GGUF's lists.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer_gguf.h"

namespace gantry {

// File names and contents (tokenizer.json or tokenizer.model, and tokenizer_config.json) that
// Gantry and transformers read with the same ids. chat_template: Jinja, kept as it is ("" = none).
// Errors E0321 (a kind that has no such file), E0323.
std::vector<std::pair<std::string, std::string>> hugging_face_tokenizer(
    const GgufVocabulary& vocabulary, const std::string& chat_template, const std::string& name);

// From tokenizer.model (SentencePiece BPE), else tokenizer.json (byte-level BPE, or BPE with byte
// fallback). The ids of `bos` and `eos` are as given (-1: what the files say). Errors E0320, E0321
// (a pre-tokenizer that llama.cpp has no name for, named), E0322, E0323, E0326.
GgufVocabulary gguf_vocabulary_of_folder(const std::filesystem::path& folder, int32_t bos,
                                         int32_t eos);

}  // namespace gantry
