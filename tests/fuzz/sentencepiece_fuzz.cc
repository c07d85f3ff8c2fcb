// A SentencePiece model file: any bytes open or end in an Error, and what opens cuts any text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "text/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view tail = bytes.substr(bytes.size() - std::min<size_t>(bytes.size(), 40));
  try {
    const TokenizerPipeline pipeline = read_sentencepiece(
        bytes, "fuzz", data[0] % 2 ? SentencePieceIds::kXlmR : SentencePieceIds::kOwn);
    for (const std::string_view given :
         {tail, std::string_view("  骨転移は 12.5mm <s> ｶﾞ \u2581 \xE9")}) {
      Pieces pieces;
      pieces.text = aligned(given, nullptr);
      pipeline.normalizer->apply(pieces.text);
      if (pieces.text.text.size() != pieces.text.source.size()) std::abort();
      if (!pieces.text.text.empty())
        pieces.pieces = {{0, static_cast<uint32_t>(pieces.text.text.size())}};
      uint32_t end = 0;
      for (const Token& token : pipeline.model->encode(pieces)) {
        if (token.begin != end || token.end <= token.begin) std::abort();
        if (!pipeline.model->vocabulary().has(token.id)) std::abort();
        end = token.end;
      }
      if (end != pieces.text.text.size()) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
