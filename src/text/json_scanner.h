// Reads JSON (RFC 8259) front to back without building a tree: a tokenizer.json is up to 20 MB,
// nearly all of it vocabulary, which goes straight into its tables. The small rest is handed to the
// JSON library as raw text (raw_value()).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gantry {

class JsonScanner {
 public:
  // `where` names the file in errors; both must outlive the scanner.
  JsonScanner(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  // The next character that is not white space, not taken; '\0' at the end.
  char peek();
  // Each is Error E0322, with the byte's place, when something else stands there.
  void expect(char c);
  // After the first call on an array or object: whether another element follows. Takes the comma or
  // the closing bracket. `first` starts as true.
  bool more(char close, bool& first);
  // A string, unescaped; valid until the next call.
  std::string_view string();
  std::string_view key();  // a string and the colon behind it
  double number();
  int64_t integer();
  // Skips a value (nested at most 256 deep) and gives its text.
  std::string_view raw_value();
  void end();  // nothing but white space may follow

  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::string_view number_text();
  void unescape();
  char32_t hex4();

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
  std::string buffer_;
};

}  // namespace gantry
