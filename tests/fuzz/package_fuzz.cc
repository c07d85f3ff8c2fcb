// Any bytes as a package file (a zip): an Error, or every member of moderate size read whole.
#include "base/error.h"
#include "weights/package_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kLargest = 1 << 20;  // a small zip may unpack to gigabytes: too slow here
  try {
    const auto package = gantry::PackageFile::parse({data, size}, "fuzz");
    for (const auto& member : package.members()) {
      if (member.bytes > kLargest) continue;
      try {
        package.read(member.name);
      } catch (const gantry::Error&) {
      }
    }
  } catch (const gantry::Error&) {
  }
  return 0;
}
