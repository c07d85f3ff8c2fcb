// Any bytes as a GGUF file: an Error, or every tensor decoded whole.
#include "base/error.h"
#include "weights/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const gantry::GgufFile file = gantry::GgufFile::parse({data, size}, "fuzz");
    for (const gantry::GgufTensor& tensor : file.tensors()) {
      try {
        file.read_f32(tensor.name);
      } catch (const gantry::Error&) {  // NaN
      }
    }
    file.check_finite();
  } catch (const gantry::Error&) {
  }
  return 0;
}
