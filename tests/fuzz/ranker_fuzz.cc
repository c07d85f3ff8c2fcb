// A stored ranker: the first byte chooses the kind; any bytes behind it, given a checksum that
// fits, end in a ranker that ranks or in an Error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"
#include "text/ranker_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  constexpr std::string_view kKinds[] = {kMajorityMagic, kNgramRankerMagic, kNearestCaseMagic,
                                         kCodeRankerMagic, kTitleMatcherMagic};
  if (size == 0) return 0;
  std::string bytes(kKinds[data[0] % std::size(kKinds)]);
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  bytes += sha256_hex(bytes);
  try {
    const auto ranker = parse_ranker(bytes);
    if (ranker->rank("left breast ca, bone mets \xFF", 3).size() > 3) std::abort();
    parse_ranker(ranker->serialize());
  } catch (const Error&) {
  }
  return 0;
}
