// What this process has used of memory, and what the system can still give.
#pragma once

#include <cstdint>

namespace gantry {

int64_t peak_memory();       // bytes, largest resident set so far
int64_t available_memory();  // bytes; 0 when the system does not say

}  // namespace gantry
