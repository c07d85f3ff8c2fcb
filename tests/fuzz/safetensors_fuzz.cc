// Any bytes as a safetensors file: an Error, or every tensor read whole.
#include "base/error.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const gantry::Safetensors file = gantry::Safetensors::parse({data, size}, "fuzz");
    for (const gantry::StoredTensor& tensor : file.tensors()) {
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
