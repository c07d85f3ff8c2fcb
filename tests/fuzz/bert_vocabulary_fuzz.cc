// vocab.txt with its tokenizer_config.json: any bytes open or end in an Error.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "text/bert_vocabulary.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  nlohmann::json config = nlohmann::json::object();
  if (data[0] & 1) config["tokenizer_class"] = "BertJapaneseTokenizer";
  if (data[0] & 2) config["subword_tokenizer_type"] = "character";
  config["do_lower_case"] = (data[0] & 4) != 0;
  config["tokenize_chinese_chars"] = (data[0] & 8) != 0;
  if (data[0] & 16) config["strip_accents"] = (data[0] & 32) != 0;
  const std::string vocab =
      (data[0] & 64 ? "[UNK]\n[CLS]\n[SEP]\n[MASK]\n" : "") + std::string(bytes);
  try {
    std::string settings;
    const Tokenizer tokenizer(read_bert_vocabulary(vocab, "fuzz", config, "", &settings));
    for (const std::string_view given :
         {bytes, std::string_view("骨転移 don't [MASK] ｶﾞ e\u0301 ＡB \xE9")}) {
      const Encoding encoding = tokenizer.encode(given);
      for (const ByteRange& range : encoding.offsets)
        if (range.begin > range.end || range.end > given.size()) std::abort();
      tokenizer.decode(encoding.ids);
    }
  } catch (const Error&) {
  }
  return 0;
}
