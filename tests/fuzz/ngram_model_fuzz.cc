// The stored n-gram model: any bytes, given a checksum that fits, end in a model that answers or in
// an Error.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"
#include "text/ngram_classifier.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  std::string bytes = "GANTRY N-GRAM MODEL 2\n";
  bytes.append(reinterpret_cast<const char*>(data), size);
  bytes += sha256_hex(bytes);
  try {
    const NgramClassifier model = NgramClassifier::parse(bytes);
    const std::string text = "骨転移は a b 増大 \xFF。";
    for (double p : model.probabilities(text)) {
      if (!(p >= 0 && p <= 1) && !std::isnan(p)) std::abort();  // sums of huge weights may overflow
    }
    if (model.contribution_by_byte(text, 0).size() != text.size()) std::abort();
    if (NgramClassifier::parse(model.serialize()).classes() != model.classes()) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
