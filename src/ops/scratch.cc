#include "ops/scratch.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace gantry {
namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
struct Buffer {
  std::unique_ptr<void, Free> memory;
  int64_t bytes = 0;
};

}  // namespace

void* scratch_bytes(Slot slot, int64_t bytes) {
  thread_local Buffer buffers[static_cast<int>(Slot::kCount)];
  Buffer& b = buffers[static_cast<int>(slot)];
  if (b.bytes < bytes) {
    constexpr int64_t kPage = 4096;
    const int64_t room = (bytes + bytes / 4 + kPage - 1) / kPage * kPage;
    b.memory.reset();
    b.bytes = 0;
    b.memory.reset(std::aligned_alloc(static_cast<size_t>(kPage), static_cast<size_t>(room)));
    if (!b.memory) throw std::bad_alloc();
    b.bytes = room;
  }
  return b.memory.get();
}

}  // namespace gantry
