// Writes a tokenizer.json (Hugging Face `tokenizers` format) that Gantry and Hugging Face open with
// equal ids, for base models whose package brings its tokenizer in a form of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace gantry {

// One key of a SentencePiece normalizer table and its replacement, both UTF-8. A key may be several
// code points; the replacement may be empty (the key is removed).
using NormalizerEntry = std::pair<std::string, std::string>;

// A Unigram tokenizer with XLM-RoBERTa's pipeline: the normalizer table as SentencePiece's
// `precompiled_charsmap` (a double-array trie), split at white space, a leading U+2581 for each
// word, Viterbi over `pieces`; `<s>` ... `</s>` around a text. `pieces` and `scores` are in id
// order and must hold <s>, <pad>, </s> and <unk>; <mask>, where it is not among the pieces, gets
// the id pieces.size() - as XLM-R has it - so that the vocabulary has one row more. Errors: E0325
// (sizes differ, unk_id out of range, a key that is empty or not UTF-8).
std::string unigram_tokenizer_json(std::span<const std::string> pieces,
                                   std::span<const float> scores, int32_t unk_id,
                                   std::span<const NormalizerEntry> normalizer);

// The same from single code points, as in the 4-bit package of multilingual-e5-small.
std::string unigram_tokenizer_json(std::span<const std::string> pieces,
                                   std::span<const float> scores, int32_t unk_id,
                                   std::span<const std::pair<char32_t, std::u32string>> normalizer);

}  // namespace gantry
