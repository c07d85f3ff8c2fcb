#include "train/process_memory.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace gantry {

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;  // Linux gives KiB
}

int64_t available_memory() {
  std::ifstream meminfo("/proc/meminfo");
  std::string name, unit;
  int64_t kib = 0;
  while (meminfo >> name >> kib >> unit)
    if (name == "MemAvailable:") return kib * 1024;
  return 0;
}

}  // namespace gantry
