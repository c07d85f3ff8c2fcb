// The text of an answer as it grows: what may be shown already, and whether a stop text has come.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gantry {

class AnswerText {
 public:
  AnswerText(const Tokenizer& tokenizer, std::span<const std::string> stop_texts)
      : tokenizer_(tokenizer), stop_texts_(stop_texts) {}

  // Reads the answer's tokens so far. Gives the new piece that is certain: whole characters, and
  // nothing that may turn out to be the beginning of a stop text.
  std::string_view update(std::span<const int32_t> ids);
  // What update() held back, when the answer is complete.
  std::string_view rest();
  bool stopped() const { return stopped_; }          // a stop text has come
  const std::string& text() const { return text_; }  // up to the stop text

 private:
  std::string_view up_to(size_t end);

  const Tokenizer& tokenizer_;
  std::span<const std::string> stop_texts_;
  std::string text_;
  size_t shown_ = 0;
  bool stopped_ = false;
};

}  // namespace gantry
