// Encoding: which of the encodings of Japanese hospitals a file is in, and its text as UTF-8.
//
// "Shift_JIS" is CP932 (NEC row 13, NEC and IBM extensions, private use), EUC-JP is CP51932 plus
// JIS X 0212, ISO-2022-JP is CP50221 (the extensions and half-width kana). Decode first, split
// after: the second byte of a character may be a backslash, a bar or a tilde.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

enum class TextEncoding { utf8, utf16le, utf16be, cp932, euc_jp, iso2022_jp };

std::string_view name_of(TextEncoding encoding);  // "UTF-8", "CP932", ...
// Accepts the names people use: "utf-8", "utf8", "utf-8-sig", "shift_jis", "sjis", "windows-31j",
// "ms932", "cp932", "euc-jp", "eucjp", "iso-2022-jp", "jis", "utf-16", "utf-16le", "utf-16be".
std::optional<TextEncoding> find_encoding(std::string_view name);

struct Detected {
  TextEncoding encoding = TextEncoding::utf8;
  double confidence = 0;  // 1: no other reading is possible; below 0.5: little better than a guess
  std::string reason;     // "byte order mark", "escape sequences", "valid UTF-8 with 812 ..."
  bool is_text = true;    // false: too many NULs and control bytes for any of the encodings
};

// From the first bytes of a file (256 KB are looked at; the last character may be cut).
// `complete`: there are no bytes beyond.
Detected detect_encoding(std::string_view sample, bool complete);

// Decodes a stream piece by piece; a character may be cut anywhere between two pieces. Every bad
// byte (or lone surrogate) becomes U+FFFD and is reported by its offset; decoding goes on at the
// next byte. A byte order mark at the start is taken off.
class TextDecoder {
 public:
  explicit TextDecoder(TextEncoding encoding);
  ~TextDecoder();
  TextDecoder(TextDecoder&&) noexcept;

  struct Bad {
    uint64_t input_offset;  // of the first offending byte in the stream
    size_t output_offset;   // of its U+FFFD in `out`
    std::string bytes;      // the offending bytes, as hexadecimal: "81 FF"
  };
  // Appends UTF-8 to `out` and what was bad to `bad`. `last`: the stream ends here.
  void decode(std::string_view bytes, bool last, std::string& out, std::vector<Bad>& bad);

  // Private-use characters (U+E000 to U+F8FF: a hospital's own glyphs) seen so far, with their
  // counts. They are kept in the text.
  const std::map<uint32_t, uint64_t>& private_use() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The whole of `bytes`; bad bytes become U+FFFD.
std::string decode_all(std::string_view bytes, TextEncoding encoding,
                       std::vector<TextDecoder::Bad>* bad = nullptr);

}  // namespace gantry
