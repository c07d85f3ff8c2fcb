// Scratch memory of the kernels: one buffer a thread and slot, grown on first use and then kept, so
// that a step in its steady state allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gantry {

enum class Slot { kRows, kPanel, kTile, kScores, kGradients, kPartials, kOrder, kCount };

// At least `bytes` bytes, 64-byte aligned, of the calling thread; the content is whatever was
// there.
void* scratch_bytes(Slot slot, int64_t bytes);

template <typename T>
T* scratch(Slot slot, int64_t count) {
  return static_cast<T*>(scratch_bytes(slot, count * static_cast<int64_t>(sizeof(T))));
}

}  // namespace gantry
