// The tokenizer that a GGUF file carries in its metadata (tokenizer.ggml.*), as plain lists:
// SentencePiece BPE ("llama"), byte-level BPE ("gpt2") or WordPiece ("bert").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gantry {

struct GgufVocabulary {
  std::string model;                // llama | gpt2 | bert
  std::string pre;                  // how gpt2 cuts a text into words: "smollm", "llama-bpe", ...
  std::vector<std::string> tokens;  // by id
  std::vector<float> scores;        // llama
  std::vector<int32_t> kinds;       // SentencePiece's numbers: 1 normal .. 6 byte; may be empty
  std::vector<std::string> merges;  // gpt2: "left right"
  int32_t begin = -1, end = -1, unk = -1, pad = -1, mask = -1;
  std::optional<bool> add_begin, add_end, add_space_prefix, remove_extra_spaces;
  std::string charsmap;  // llama: precompiled_charsmap, often empty
};

// `name` stands in errors. Errors E0321 (a model or a `pre` that Gantry does not know), E0323,
// E0324, E0326.
std::unique_ptr<Tokenizer> open_gguf_tokenizer(const GgufVocabulary& vocabulary,
                                               const std::string& name);

// How a `pre` cuts a text into words.
struct GgufPreTokenizer {
  bool single_digits = false;  // each digit a word, before anything else
  std::string pattern;         // a regular expression whose matches are words; "": GPT-2's own
  bool ignore_merges = false;
  bool begins = false;  // a text begins with the beginning token where the file does not say
};
// Error E0321 naming those that are known.
GgufPreTokenizer gguf_pre_tokenizer(const std::string& pre, const std::string& where);
// The names of `pre` that Gantry cuts words by.
std::vector<std::string> known_gguf_pre_tokenizers();

}  // namespace gantry
