// The pre-tokenizers of Hugging Face's tokenizers, and MeCab's place among them (mecab.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer_parts.h"

namespace gantry {

using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

// What becomes of the matches ("delimiters") that a piece is cut at.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
enum class PrependScheme { kAlways, kFirst, kNever };

// A part of a piece, and whether it is a match.
struct Stretch {
  size_t begin, end;
  bool match;
};
// The stretches that a behaviour makes of stretches that cover a piece.
std::vector<Stretch> apply_behavior(const std::vector<Stretch>& stretches, SplitBehavior behavior);

PreTokenizerPtr make_pretokenizer_sequence(std::vector<PreTokenizerPtr> steps);
PreTokenizerPtr make_bert_pretokenizer();
PreTokenizerPtr make_whitespace_pretokenizer();  // \w+|[^\w\s]+
PreTokenizerPtr make_whitespace_split_pretokenizer();
PreTokenizerPtr make_python_split_pretokenizer();  // str.split(): at U+001C ... U+001F as well
PreTokenizerPtr make_punctuation_pretokenizer(SplitBehavior behavior);
PreTokenizerPtr make_digits_pretokenizer(bool individual);
PreTokenizerPtr make_character_pretokenizer(char32_t delimiter);  // CharDelimiterSplit
PreTokenizerPtr make_each_character_pretokenizer();
PreTokenizerPtr make_split_pretokenizer(std::string text, SplitBehavior behavior, bool invert);
PreTokenizerPtr make_regex_split_pretokenizer(const std::string& pattern, SplitBehavior behavior,
                                              bool invert, const std::string& where);
PreTokenizerPtr make_metaspace_pretokenizer(std::string replacement, PrependScheme scheme,
                                            bool split);
PreTokenizerPtr make_byte_level_pretokenizer(bool add_prefix_space, bool use_regex);

}  // namespace gantry
