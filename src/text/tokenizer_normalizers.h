// The normalizers of Hugging Face's tokenizers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/charsmap.h"
#include "text/normalize_aligned.h"
#include "text/tokenizer_parts.h"

namespace gantry {

using NormalizerPtr = std::unique_ptr<const Normalizer>;

struct BertNormalization {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // unset: as `lowercase`
  bool lowercase = true;
  bool drop_unassigned = false;  // with clean_text: as BERT in Python does it, not `tokenizers`
};

NormalizerPtr make_normalizer_sequence(std::vector<NormalizerPtr> steps);
NormalizerPtr make_bert_normalizer(BertNormalization options);
NormalizerPtr make_form_normalizer(NormalForm form);
NormalizerPtr make_lowercase_normalizer();
NormalizerPtr make_strip_normalizer(bool left, bool right);
NormalizerPtr make_strip_accents_normalizer();  // drops every mark; without decomposing
NormalizerPtr make_replace_normalizer(std::string text, std::string content);
// `pattern` is a regular expression; `where` stands in errors.
NormalizerPtr make_regex_replace_normalizer(const std::string& pattern, std::string content,
                                            const std::string& where);
NormalizerPtr make_prepend_normalizer(std::string text);
NormalizerPtr make_nmt_normalizer();
NormalizerPtr make_byte_level_normalizer();
// As Hugging Face applies a charsmap: grapheme by grapheme, the shortest key that starts a grapheme
// of under 6 bytes replaces all of it, else character by character. SentencePiece itself takes the
// longest key at each place (sentencepiece.cc).
NormalizerPtr make_charsmap_normalizer(Charsmap map);

// GPT-2's printable stand-in for each byte, as UTF-8.
const std::string& byte_level_character(unsigned char byte);
// The byte that a stand-in means, or -1.
int byte_of_character(char32_t c);

}  // namespace gantry
