#include "text/json_scanner.h"

#include <charconv>

#include "base/error.h"
#include "text/unicode.h"

namespace gantry {

namespace {
constexpr int kDeepest = 256;
}  // namespace

void JsonScanner::fail(const std::string& what) const {
  throw Error("E0322", where_ + ", byte " + std::to_string(at_) + ": " + what,
              "The file is damaged or cut short: get it again.");
}

char JsonScanner::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

void JsonScanner::expect(char c) {
  if (peek() != c || at_ >= text_.size())
    fail(std::string("expected '") + c + "'" + (at_ >= text_.size() ? " but the file ends" : ""));
  ++at_;
}

bool JsonScanner::more(char close, bool& first) {
  if (peek() == close) {
    ++at_;
    return false;
  }
  if (!first) expect(',');
  first = false;
  return true;
}

std::string_view JsonScanner::string() {
  expect('"');
  const size_t begin = at_;
  while (at_ < text_.size()) {  // the common case: nothing to unescape
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') return text_.substr(begin, at_++ - begin);
    if (c == '\\') break;
    if (c < 0x20) fail("a control character in a string");
    if (const size_t length = valid_utf8_length(text_.substr(at_, 4)))
      at_ += length;
    else
      fail("a string that is not UTF-8");
  }
  buffer_.assign(text_, begin, at_ - begin);
  unescape();
  return buffer_;
}

// From the first backslash to the closing quote.
void JsonScanner::unescape() {
  while (at_ < text_.size()) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      ++at_;
      return;
    }
    if (c < 0x20) fail("a control character in a string");
    if (c != '\\') {
      const size_t length = valid_utf8_length(text_.substr(at_, 4));
      if (length == 0) fail("a string that is not UTF-8");
      buffer_.append(text_, at_, length);
      at_ += length;
      continue;
    }
    if (++at_ >= text_.size()) break;
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (name == 'u') {
      char32_t code = hex4();
      if (code >= 0xD800 && code <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        const char32_t low = hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail("a surrogate without its other half");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else if (code >= 0xD800 && code <= 0xDFFF) {
        fail("a surrogate without its other half");
      }
      append_utf8(buffer_, code);
    } else if (const size_t i = kNames.find(name); i != std::string_view::npos) {
      buffer_ += kMeanings[i];
    } else {
      fail("an unknown escape in a string");
    }
  }
  fail("a string without an end");
}

char32_t JsonScanner::hex4() {
  unsigned code = 0;
  const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
  const char* end = digits.data() + digits.size();
  if (digits.size() != 4 || std::from_chars(digits.data(), end, code, 16).ptr != end)
    fail("\\u without four hexadecimal digits");
  at_ += 4;
  return code;
}

std::string_view JsonScanner::key() {
  const std::string_view name = string();
  expect(':');  // does not touch the name's bytes
  return name;
}

std::string_view JsonScanner::number_text() {
  peek();
  const size_t begin = at_;
  while (at_ < text_.size() &&
         std::string_view("+-.eE0123456789").find(text_[at_]) != std::string_view::npos)
    ++at_;
  // A number ends a file only where it is cut short: what is read stands in an array or object.
  if (at_ == text_.size()) fail("the file ends within a value");
  return text_.substr(begin, at_ - begin);
}

double JsonScanner::number() {
  const std::string_view digits = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || end != digits.data() + digits.size() || error != std::errc())
    fail("expected a number");
  return value;
}

int64_t JsonScanner::integer() {
  const std::string_view digits = number_text();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || end != digits.data() + digits.size() || error != std::errc())
    fail("expected an integer");
  return value;
}

std::string_view JsonScanner::raw_value() {
  peek();
  const size_t begin = at_;
  int depth = 0;
  do {
    const char c = peek();
    if (at_ >= text_.size()) fail("the file ends within a value");
    if (c == '"') {
      string();
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) fail("nested too deep");
      ++at_;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) fail("expected a value");
      ++at_;
    } else if (c == ',' || c == ':') {
      if (depth == 0) fail("expected a value");
      ++at_;
    } else {  // a number, true, false or null: checked by whoever parses it
      const size_t word = at_;
      while (at_ < text_.size() &&
             std::string_view(" \t\r\n,:]}[{\"").find(text_[at_]) == std::string_view::npos)
        ++at_;
      if (word == at_) fail("expected a value");
    }
  } while (depth > 0);
  return text_.substr(begin, at_ - begin);
}

void JsonScanner::end() {
  if (peek() != '\0' || at_ < text_.size()) fail("more text behind the end");
}

}  // namespace gantry
