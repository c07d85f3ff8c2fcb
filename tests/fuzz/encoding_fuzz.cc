// Encodings: whatever comes in, UTF-8 comes out, the same in one piece as in many.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "text/encoding.h"
#include "text/normalize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t piece = 1 + data[0] % 7;
  detect_encoding(bytes, true);
  detect_encoding(bytes, false);
  for (TextEncoding encoding :
       {TextEncoding::utf8, TextEncoding::utf16le, TextEncoding::utf16be, TextEncoding::cp932,
        TextEncoding::euc_jp, TextEncoding::iso2022_jp}) {
    std::vector<TextDecoder::Bad> bad, bad_in_pieces;
    std::string whole = decode_all(bytes, encoding, &bad), pieces;
    if (!is_valid_utf8(whole)) std::abort();
    TextDecoder decoder(encoding);
    for (size_t at = 0; at < bytes.size(); at += piece)
      decoder.decode(bytes.substr(at, piece), false, pieces, bad_in_pieces);
    decoder.decode({}, true, pieces, bad_in_pieces);
    if (pieces != whole || bad.size() != bad_in_pieces.size()) std::abort();
    for (size_t i = 0; i < bad.size(); ++i) {
      if (bad[i].input_offset != bad_in_pieces[i].input_offset) std::abort();
      if (bad[i].input_offset >= bytes.size()) std::abort();
      if (whole.compare(bad[i].output_offset, 3, "\uFFFD") != 0) std::abort();
    }
    if (encoding == TextEncoding::utf8 && bad.empty()) {
      bool mark = bytes.starts_with("\xEF\xBB\xBF");
      if (whole != bytes.substr(mark ? 3 : 0)) std::abort();
    }
  }
  return 0;
}
