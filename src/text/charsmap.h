// SentencePiece's `precompiled_charsmap`: which character sequences a normalizer replaces by what.
//
// The blob is a little-endian u32 (bytes of the trie), a double-array trie of the keys, and the
// replacements, each closed by a NUL; a key's value is where its replacement starts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "text/double_array.h"

namespace gantry {

class Charsmap {
 public:
  // Error E0326, with `where` in front, when the blob contradicts itself.
  static Charsmap parse(std::string_view blob, const std::string& where);
  // The blob of keys and their replacements (UTF-8, without NUL; a key must not be empty).
  static std::string write(std::span<const std::pair<std::string, std::string>> entries);

  struct Match {
    size_t length;  // bytes of the text that are replaced
    std::string_view replacement;
  };
  std::optional<Match> shortest(std::string_view text) const;
  std::optional<Match> longest(std::string_view text) const;

 private:
  std::optional<Match> match(size_t length, uint32_t value) const;

  DoubleArray trie_;
  std::string replacements_;
};

}  // namespace gantry
