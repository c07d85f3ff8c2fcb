#include "base/progress.h"

#include "base/error.h"

namespace gantry {

std::atomic<bool>& interrupted() {
  static std::atomic<bool> flag{false};
  return flag;
}

void throw_if_interrupted(const char* what_remains) {
  if (interrupted().load(std::memory_order_relaxed))
    throw Error("E0104", "interrupted", what_remains);
}

}  // namespace gantry
