#include "infer/answer_text.h"

#include <algorithm>

namespace gantry {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD: half a character, so far

// Bytes of `text` without characters at its end that are not complete.
size_t whole_characters(std::string_view text) {
  while (text.ends_with(kReplacement)) text.remove_suffix(kReplacement.size());
  size_t lead = text.size();
  for (int back = 0; back < 4 && lead > 0; ++back) {
    const auto byte = static_cast<unsigned char>(text[--lead]);
    if (byte < 0x80) return text.size();
    if (byte < 0xc0) continue;  // goes on a character
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return lead + length <= text.size() ? text.size() : lead;
  }
  return text.size();
}

// The longest end of `text` that is a beginning of `word`.
size_t overlap(std::string_view text, std::string_view word) {
  for (size_t n = std::min(text.size(), word.size()); n > 0; --n) {
    if (text.ends_with(word.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

std::string_view AnswerText::up_to(size_t end) {
  const size_t begin = shown_;
  if (end <= begin) return {};
  shown_ = end;
  return std::string_view(text_).substr(begin, end - begin);
}

std::string_view AnswerText::update(std::span<const int32_t> ids) {
  text_ = tokenizer_.decode(ids);
  size_t held = 0;
  for (const std::string& stop : stop_texts_) {
    if (stop.empty()) continue;
    const size_t at = text_.find(stop);
    if (at != std::string::npos) {
      stopped_ = true;
      text_.resize(at);
      held = 0;
    }
    if (!stopped_) held = std::max(held, overlap(text_, stop));
  }
  if (stopped_) return up_to(text_.size());
  return up_to(whole_characters(std::string_view(text_).substr(0, text_.size() - held)));
}

std::string_view AnswerText::rest() { return up_to(text_.size()); }

}  // namespace gantry
