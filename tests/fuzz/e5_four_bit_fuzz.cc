// Any bytes as the 4-bit file of multilingual-e5-small: an Error, or every tensor decoded whole.
#include "base/error.h"
#include "weights/e5_four_bit.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = gantry::E5FourBitFile::parse({data, size}, "fuzz");
    std::vector<float> values;
    for (const auto& tensor : file.tensors()) {
      values.resize(static_cast<size_t>(tensor.described.elements()));
      gantry::E5FourBitFile::decode(tensor, 0, values);
    }
  } catch (const gantry::Error&) {
  }
  return 0;
}
