// Text that remembers, for each of its bytes, which bytes of the given text it came from, while
// normalizers and pre-tokenizers rewrite it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gantry {

struct AlignedText {
  std::string text;               // valid UTF-8
  std::vector<ByteRange> source;  // text.size()

  void reserve(size_t bytes) {
    text.reserve(bytes);
    source.reserve(bytes);
  }
  void append(std::string_view bytes, ByteRange from) {
    text += bytes;
    source.insert(source.end(), bytes.size(), from);
  }
  // A part of another text, unchanged.
  void append(const AlignedText& other, size_t begin, size_t end) {
    text.append(other.text, begin, end - begin);
    source.insert(source.end(), other.source.begin() + static_cast<ptrdiff_t>(begin),
                  other.source.begin() + static_cast<ptrdiff_t>(end));
  }
  // Where a part came from; an empty part came from the empty range at its place.
  ByteRange range(size_t begin, size_t end) const {
    if (begin < end) return {source[begin].begin, source[end - 1].end};
    const uint32_t at = begin < source.size() ? source[begin].begin
                        : source.empty()      ? 0
                                              : source.back().end;
    return {at, at};
  }
};

// The text itself: each byte comes from its own character. Ill-formed UTF-8 becomes U+FFFD and is
// counted in `*replaced`.
AlignedText aligned(std::string_view utf8, size_t* replaced);

}  // namespace gantry
