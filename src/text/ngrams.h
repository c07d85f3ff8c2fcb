// The n-grams of a text: of characters, of characters within words, or of words; cut as
// scikit-learn's CountVectorizer cuts them (analyzer "char", "char_wb", "word").
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace gantry {

enum class NgramUnit {
  kCharacter,        // code points of the whole text; two or more white spaces become one blank
  kCharacterInWord,  // code points within words, each word set between blanks
  kWord,             // runs of two or more letters, digits or underscores; joined by a blank
};

// A text laid out so that each of its n-grams is a piece of one string.
class NgramText {
 public:
  // `utf8`: bytes that are not UTF-8 stand for U+FFFD. Lower case is Unicode's full mapping
  // without context; a letter whose lower case is two code points stays one unit.
  NgramText(std::string_view utf8, NgramUnit unit, bool lower_case);

  struct Unit {                           // a code point or a word
    size_t begin, end;                    // in the laid-out string
    size_t original_begin, original_end;  // in the given text; equal for an added blank
  };
  const std::vector<Unit>& units() const { return units_; }

  // visit(n-gram, first unit, unit after the last), shortest first within a segment. The views live
  // as long as this object or the one it is moved into.
  template <typename Visit>
  void for_each(int shortest, int longest, const Visit& visit) const {
    for (size_t s = 0; s + 1 < segment_.size(); ++s) {
      const size_t first = segment_[s], length = segment_[s + 1] - first;
      for (size_t n = shortest; n <= static_cast<size_t>(longest); ++n) {
        if (n > length) {
          if (!short_segment_once_ || length == 0) break;
          visit_piece(first, first + length, visit);
          break;
        }
        for (size_t i = 0; i + n <= length; ++i) visit_piece(first + i, first + i + n, visit);
        if (short_segment_once_ && n == length) break;
      }
    }
  }

 private:
  template <typename Visit>
  void visit_piece(size_t begin, size_t end, const Visit& visit) const {
    const size_t at = units_[begin].begin;
    visit(std::string_view(text_.data() + at, units_[end - 1].end - at), begin, end);
  }
  void add_unit(std::string_view bytes, size_t original_begin, size_t original_end);
  void lay_out_characters(std::string_view utf8, bool lower_case);
  void lay_out_characters_in_words(std::string_view utf8, bool lower_case);
  void lay_out_words(std::string_view utf8, bool lower_case);

  std::vector<char> text_;  // a move keeps its address, unlike a short std::string's
  std::vector<Unit> units_;
  std::vector<size_t> segment_{0};  // first unit of each segment, and the end
  bool short_segment_once_ = false;
};

}  // namespace gantry
