// The code points of a UTF-8 text that may hold anything, one after the other.
#pragma once

#include <cstddef>
#include <string_view>

#include "text/unicode.h"

namespace gantry {

struct CodePoint {
  char32_t value;
  size_t begin, end;  // bytes of the text
};

// Bytes that are not UTF-8 come one by one as U+FFFD.
template <typename Visit>
void for_each_code_point(std::string_view utf8, const Visit& visit) {
  for (size_t i = 0; i < utf8.size();) {
    size_t end = i + 1;
    char32_t value = 0xFFFD;
    if (valid_utf8_length(utf8.substr(i)) > 0) value = next_code_point(utf8, end = i);
    visit(CodePoint{value, i, end});
    i = end;
  }
}

// White space as Python has it (str.isspace, \s), which scikit-learn and rouge_score use.
inline bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

}  // namespace gantry
