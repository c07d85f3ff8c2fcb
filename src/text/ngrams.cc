#include "text/ngrams.h"

#include <utf8proc.h>

#include <cstdint>
#include <string>

#include "text/code_points.h"

namespace gantry {
namespace {

std::string encoded(char32_t code_point, bool lower_case) {
  std::string out;
  if (lower_case) {
    append_lower_case(out, code_point);
  } else {
    append_utf8(out, code_point);
  }
  return out;
}

// Word characters as Python's re has them, which scikit-learn uses.
bool is_word(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return c == U'_';
  }
}

// Runs of code points for which belongs() holds, as lists of code points.
template <typename Belongs, typename Visit>
void for_each_run(std::string_view utf8, const Belongs& belongs, const Visit& visit) {
  std::vector<CodePoint> run;
  const auto flush = [&] {
    if (!run.empty()) visit(run);
    run.clear();
  };
  for_each_code_point(utf8, [&](const CodePoint& c) {
    if (belongs(c.value)) {
      run.push_back(c);
    } else {
      flush();
    }
  });
  flush();
}

}  // namespace

NgramText::NgramText(std::string_view utf8, NgramUnit unit, bool lower_case) {
  switch (unit) {
    case NgramUnit::kCharacter:
      lay_out_characters(utf8, lower_case);
      break;
    case NgramUnit::kCharacterInWord:
      lay_out_characters_in_words(utf8, lower_case);
      break;
    case NgramUnit::kWord:
      lay_out_words(utf8, lower_case);
      break;
  }
}

void NgramText::add_unit(std::string_view bytes, size_t original_begin, size_t original_end) {
  const size_t begin = text_.size();
  text_.insert(text_.end(), bytes.begin(), bytes.end());
  units_.push_back({begin, text_.size(), original_begin, original_end});
}

void NgramText::lay_out_characters(std::string_view utf8, bool lower_case) {
  std::vector<CodePoint> white;
  const auto flush = [&] {
    if (white.size() == 1) {
      add_unit(encoded(white[0].value, false), white[0].begin, white[0].end);
    } else if (!white.empty()) {
      add_unit(" ", white.front().begin, white.back().end);
    }
    white.clear();
  };
  for_each_code_point(utf8, [&](const CodePoint& c) {
    if (is_python_space(c.value)) {
      white.push_back(c);
      return;
    }
    flush();
    add_unit(encoded(c.value, lower_case), c.begin, c.end);
  });
  flush();
  segment_.push_back(units_.size());
}

void NgramText::lay_out_characters_in_words(std::string_view utf8, bool lower_case) {
  short_segment_once_ = true;
  for_each_run(
      utf8, [](char32_t c) { return !is_python_space(c); },
      [&](const std::vector<CodePoint>& word) {
        add_unit(" ", word.front().begin, word.front().begin);
        for (const CodePoint& c : word) add_unit(encoded(c.value, lower_case), c.begin, c.end);
        add_unit(" ", word.back().end, word.back().end);
        segment_.push_back(units_.size());
      });
}

void NgramText::lay_out_words(std::string_view utf8, bool lower_case) {
  for_each_run(utf8, is_word, [&](const std::vector<CodePoint>& word) {
    if (word.size() < 2) return;
    std::string bytes;
    for (const CodePoint& c : word) bytes += encoded(c.value, lower_case);
    if (!units_.empty()) text_.push_back(' ');
    add_unit(bytes, word.front().begin, word.back().end);
  });
  segment_.push_back(units_.size());
}

}  // namespace gantry
