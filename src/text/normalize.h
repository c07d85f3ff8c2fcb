// Unicode normalization of text for a model's input. The original text is never changed: what these
// functions give is what the model reads.
//
// Text that is not valid UTF-8 is repaired first: each ill-formed sequence becomes U+FFFD (the
// "maximal subpart" practice of the Unicode Standard, section 3.9). Use repair_utf8() to learn how
// many there were.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gantry {

// The normalization forms of UAX #15 (through utf8proc).
std::string nfc(std::string_view utf8);
std::string nfd(std::string_view utf8);
std::string nfkc(std::string_view utf8);
std::string nfkd(std::string_view utf8);

// Lower case, code point by code point with the Unicode full mapping (no context: a final sigma
// becomes an ordinary one), as Hugging Face's tokenizers do it.
std::string lower_case(std::string_view utf8);

// NFD, then without nonspacing marks (category Mn): as BERT's "strip_accents". Note that it turns
// が into か.
std::string strip_accents(std::string_view utf8);

// Valid UTF-8: ill-formed sequences replaced by U+FFFD; `*replaced`, where given, is how many.
std::string repair_utf8(std::string_view bytes, size_t* replaced = nullptr);
bool is_valid_utf8(std::string_view bytes);

}  // namespace gantry
