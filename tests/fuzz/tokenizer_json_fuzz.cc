// tokenizer.json: any bytes open or end in an Error, and what opens cuts any text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The last bytes, after a 0xFF that no JSON has, are a text to be cut.
  const size_t mark = std::min(bytes.find('\xFF'), bytes.size());
  const std::string_view text = bytes.substr(std::min(mark + 1, bytes.size()));
  try {
    const auto tokenizer = Tokenizer::from_json(bytes.substr(0, mark), "fuzz");
    for (const std::string_view given :
         {text, std::string_view("骨転移は 12.5mm\n don't <s> ｶﾞ e\u0301 \xE9 \xF0\x9F")}) {
      const Encoding encoding = tokenizer->encode(given);
      if (encoding.ids.size() != encoding.offsets.size()) std::abort();
      for (const ByteRange& range : encoding.offsets)
        if (range.begin > range.end || range.end > given.size()) std::abort();
      for (int32_t id : encoding.ids)
        if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
      tokenizer->decode(tokenizer->with_specials(encoding.ids), true);
    }
  } catch (const Error&) {
  }
  return 0;
}
