// UTF-8 and the character classes that tokenizers ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gantry {

// One code point of valid UTF-8 at `position`, which moves past it. The text must be valid.
inline char32_t next_code_point(std::string_view text, size_t& position) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned first = byte(0);
  if (first < 0x80) {
    position += 1;
    return first;
  }
  char32_t code_point;
  if (first < 0xE0) {
    code_point = (first & 0x1F) << 6 | (byte(1) & 0x3F);
    position += 2;
  } else if (first < 0xF0) {
    code_point = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    position += 3;
  } else {
    code_point =
        (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    position += 4;
  }
  return code_point;
}

// Bytes of the UTF-8 character that starts with `first`.
inline size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

inline void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::string to_utf8(char32_t c);
std::string to_utf8(std::u32string_view text);

// Length in bytes of the well-formed UTF-8 character at the start of `bytes`, or 0 when it is
// ill-formed; then `*skip`, where given, is the length of its maximal subpart (Unicode 15, section
// 3.9), at least 1. `bytes` must not be empty.
size_t valid_utf8_length(std::string_view bytes, size_t* skip = nullptr);

size_t count_code_points(std::string_view valid_utf8);

// White_Space of the Unicode Character Database (UAX #44), which is also Rust's
// char::is_whitespace.
bool is_white_space(char32_t c);
// Punctuation as BERT has it: category P, and every ASCII character that is neither letter, digit,
// space nor control.
bool is_bert_punctuation(char32_t c);
// What BERT's clean_text drops, beside U+0000 and U+FFFD: categories Cc (but tab, newline, carriage
// return), Cf, Co and Cs.
bool is_bert_control(char32_t c);
bool is_unassigned(char32_t c);  // category Cn
// The CJK ideograph blocks that BERT puts spaces around.
bool is_cjk_ideograph(char32_t c);
bool is_nonspacing_mark(char32_t c);  // category Mn
bool is_mark(char32_t c);             // categories Mn, Mc, Me
bool is_numeric(char32_t c);          // categories Nd, Nl, No
// What can stand within a word: Alphabetic, M, Nd, Pc, Join_Control (UTS #18, annex C, \w).
bool is_word_character(char32_t c);

// Whether an extended grapheme cluster (UAX #29) can end between `left` and `right`. `state` is 0
// at the start of a text and carried on from call to call.
bool is_grapheme_boundary(char32_t left, char32_t right, int32_t& state);

// Appends the full lower-case mapping of c (SpecialCasing without context).
void append_lower_case(std::string& out, char32_t c);

}  // namespace gantry
