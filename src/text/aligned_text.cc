#include "text/aligned_text.h"

#include "text/unicode.h"

namespace gantry {

AlignedText aligned(std::string_view utf8, size_t* replaced) {
  AlignedText out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size();) {
    size_t skip;
    const size_t length = valid_utf8_length(utf8.substr(i, 4), &skip);
    const size_t taken = length ? length : skip;
    const ByteRange from{static_cast<uint32_t>(i), static_cast<uint32_t>(i + taken)};
    out.append(length ? utf8.substr(i, length) : std::string_view("\xEF\xBF\xBD"), from);
    if (!length && replaced) ++*replaced;
    i += taken;
  }
  return out;
}

}  // namespace gantry
