// Small things about strings that several folders need.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

std::string_view trim(std::string_view text);  // ASCII white space off both ends
std::vector<std::string_view> split(std::string_view text, char separator);
struct NumberedLine {
  int number;  // in the file, from 1
  std::string_view text;
};
// The lines of a table that hold something: without a closing CR, blank lines and # comments left
// out.
std::vector<NumberedLine> data_lines(std::string_view table);
std::string with_commas(int64_t n);      // 1234567 -> "1,234,567"
std::string format_bytes(double bytes);  // "118.3 MB"
std::string format_double(double value, int decimals);

// Of `known`, the one nearest to `word` by Damerau-Levenshtein distance, or "" when none is near:
// for "did you mean".
std::string nearest_word(std::string_view word, std::span<const std::string> known);

}  // namespace gantry
