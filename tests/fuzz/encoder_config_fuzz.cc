// Any text as config.json, and as gantry.json.
#include <string_view>

#include "base/error.h"
#include "weights/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    gantry::encoder_tensors(gantry::parse_encoder_config(text, "fuzz"));
  } catch (const gantry::Error&) {
  }
  try {
    gantry::parse_model_about(text, "fuzz");
  } catch (const gantry::Error&) {
  }
  return 0;
}
