// Any text as tasks/base-models.toml.
#include <string_view>

#include "base/error.h"
#include "weights/known_models.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    gantry::parse_known_models({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const gantry::Error&) {
  }
  return 0;
}
