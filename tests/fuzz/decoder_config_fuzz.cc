// Any text as config.json of a causal model, and any bytes as a GGUF file of one.
#include <string_view>

#include "base/error.h"
#include "weights/decoder_config.h"
#include "weights/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    gantry::decoder_tensors(gantry::parse_decoder_config(text, "fuzz"));
  } catch (const gantry::Error&) {
  }
  try {
    const gantry::GgufFile file = gantry::GgufFile::parse({data, size}, "fuzz");
    gantry::decoder_tensors(gantry::decoder_config_of(file, "fuzz"));
  } catch (const gantry::Error&) {
  }
  return 0;
}
